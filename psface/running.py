"""How a command runs: what stops it is one line, and two that write the same files do not meet."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from psface.errors import UserError
from psface.files import writing
from psface.paths import left_out
from psface.threads import limit_libraries

PATH = click.Path(path_type=Path)  # of an argument


def run(command: click.Command, alone_as: str = "") -> NoReturn:
    """Run a command with this process's arguments; with ``alone_as``, only while no other process
    does (`alone`).

    A `UserError` becomes one line on stderr and exit status 1; so does a file that the system
    cannot read or write. Being stopped, by Ctrl-C or the system's request, is one line, and what is
    half written is removed. Wrong arguments end in status 2.
    """
    limit_libraries()
    for name in ("SIGTERM", "SIGHUP"):
        if (number := getattr(signal, name, None)) and signal.getsignal(number) == signal.SIG_DFL:
            with contextlib.suppress(ValueError):  # not the main thread
                signal.signal(number, _stop)
    try:
        with command.make_context(command.name, sys.argv[1:]) as context:
            with alone(alone_as) if alone_as else contextlib.nullcontext():
                command.invoke(context)
            if message := left_out():
                print(message, file=sys.stderr)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except UserError as error:
        fail(str(error))
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        if error.errno is None:
            raise
        where = f"{error.filename}: " if error.filename is not None else ""
        fail(f"{where}{error.strerror}; check the disk and its permissions, and run it again")
    except KeyboardInterrupt as stopped:
        print("stopped; the same command goes on from what is done", file=sys.stderr)
        sys.exit(stopped.args[0] if stopped.args else 130)  # as a shell has it
    sys.exit(0)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt(128 + number)


def fail(message: str, status: int = 1) -> NoReturn:
    """End with one line on stderr."""
    shown = message.encode(errors="backslashreplace").decode()  # a file's name may not be text
    print(f"error: {shown}", file=sys.stderr)
    sys.exit(status)


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Let no other process run the stage ``name`` in this folder meanwhile: the two would write the
    same files. The lock ends with the process, however that ends.

    Raises
    ------
    UserError
        If one runs.
    """
    folder = Path(".dvc/tmp") if Path(".dvc").is_dir() else Path()
    path = folder / f".partial-{name}.lock"
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    while True:
        with writing(path):
            folder.mkdir(parents=True, exist_ok=True)
            file = path.open("a+")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                other = file.read(20).strip()
                raise UserError(
                    f"{name}: process {other} runs it in this folder already; wait until it is "
                    f"done, or stop it (kill {other})"
                ) from None
            except OSError:  # a file system without locks
                yield
                return
            if not path.exists() or not os.path.samestat(path.stat(), os.fstat(file.fileno())):
                continue  # removed by one that has just ended
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _in_one_line(kind: type[BaseException], error: BaseException, trace: object) -> None:
    if issubclass(kind, KeyboardInterrupt):  # while a command still loads what it needs
        print("stopped before it began", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)  # type: ignore[arg-type]


def quiet_interrupt() -> None:
    """Make Ctrl-C one line from now on, also while modules are being loaded."""
    sys.excepthook = _in_one_line
