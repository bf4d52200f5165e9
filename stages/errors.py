"""How a stage tells its user what is wrong: one line that names the file and the remedy."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from stages.threads import limit_libraries
from stages.walking import left_out

LONGEST = 1500  # characters of a message, which may cite what is in a file


class UserError(Exception):
    """Something the user can mend: a bad file, a bad parameter, an empty folder."""

    def __init__(self, message: str) -> None:
        if len(message) > LONGEST:
            message = f"{message[: LONGEST // 2]} ... {message[-LONGEST // 2 :]}"
        super().__init__(message)


def run_stage(main: Callable[[], None], alone_as: str = "") -> None:
    """Run a stage's ``main``; with ``alone_as``, only while no other process does (`alone`).

    A `UserError` becomes one line on stderr and exit status 1; so does a file that the system
    cannot read or write. Being stopped, by Ctrl-C or the system's request, is one line, and what is
    half written is removed.
    """
    limit_libraries()
    for name in ("SIGTERM", "SIGHUP"):
        if (number := getattr(signal, name, None)) and signal.getsignal(number) == signal.SIG_DFL:
            with contextlib.suppress(ValueError):  # not the main thread
                signal.signal(number, _stop)
    try:
        if alone_as and not {"-h", "--help"} & set(sys.argv[1:]):
            from stages.files import alone

            with alone(alone_as):
                main()
        else:
            main()
        if told := left_out():
            print(told, file=sys.stderr)
    except UserError as error:
        _exit(str(error))
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        if error.errno is None:
            raise
        where = f"{error.filename}: " if error.filename is not None else ""
        _exit(f"{where}{error.strerror}; see to the disk or its permissions, and run it again")
    except KeyboardInterrupt as stopped:
        print("stopped; the same command goes on from what is done", file=sys.stderr)
        sys.exit(stopped.args[0] if stopped.args else 130)  # as a shell has it


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt(128 + number)


def take_no_arguments(module: str, does: str) -> None:
    """Answer ``--help``, and refuse any other argument of ``python -m <module>``."""
    argparse.ArgumentParser(
        prog=f"python -m {module}", description=f"{does}. All it depends on is in params.yaml."
    ).parse_args()


def _exit(message: str) -> NoReturn:
    shown = message.encode(errors="backslashreplace").decode()  # a file's name may be no text
    print(f"error: {shown}", file=sys.stderr)
    sys.exit(1)
