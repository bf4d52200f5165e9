"""How a stage tells its user what is wrong: one line that names the file and the remedy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn


class UserError(Exception):
    """Something the user can mend: a bad file, a bad parameter, an empty folder."""


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage's ``main``; a `UserError` becomes one line on stderr and exit status 1."""
    try:
        main()
    except UserError as error:
        _exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell has it


def _exit(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)
