"""How a stage tells its user what is wrong: one line that names the file and the remedy."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from stages.threads import limit_libraries
from stages.walking import left_out


class UserError(Exception):
    """Something the user can mend: a bad file, a bad parameter, an empty folder."""


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage's ``main``; a `UserError` becomes one line on stderr and exit status 1."""
    limit_libraries()
    try:
        main()
        if told := left_out():
            print(told, file=sys.stderr)
    except UserError as error:
        _exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell has it


def take_no_arguments(module: str, does: str) -> None:
    """Answer ``--help``, and refuse any other argument of ``python -m <module>``."""
    argparse.ArgumentParser(
        prog=f"python -m {module}", description=f"{does}. All it depends on is in params.yaml."
    ).parse_args()


def _exit(message: str) -> NoReturn:
    shown = message.encode(errors="backslashreplace").decode()  # a file's name may be no text
    print(f"error: {shown}", file=sys.stderr)
    sys.exit(1)
