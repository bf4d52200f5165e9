"""Run commands: errors become one line, and no two commands write the same files at once."""

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

from psface.disk import scratch, writing
from psface.errors import UserError
from psface.memory import keep_memory
from psface.paths import left_out
from psface.threads import limit_libraries

# Packages that inference does not need.
OF_THE_PIPELINE = {"dvc", "dvclive", "jinja2", "matplotlib", "pyarrow", "sklearn"}
PATH = click.Path(path_type=Path)  # type of an argument


def run(command: click.Command, alone_as: str = "") -> NoReturn:
    """Run a command with this process's arguments; with ``alone_as``, under its lock (`alone`).

    A `UserError` becomes one line on stderr and exit status 1; so does a file that the system
    cannot read or write. Ctrl-C or a termination signal prints one line, and partial files are
    removed. Wrong arguments give status 2.
    """
    limit_libraries()
    keep_memory()
    for name in ("SIGTERM", "SIGHUP"):
        if (number := getattr(signal, name, None)) and signal.getsignal(number) == signal.SIG_DFL:
            with contextlib.suppress(ValueError):  # not the main thread
                signal.signal(number, _stop)
    command.context_settings.setdefault("help_option_names", ["-h", "--help"])
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
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in OF_THE_PIPELINE:
            raise
        fail(f"{package} is not installed; `pip install 'psface[pipeline]'`")
    except BrokenPipeError:  # `| head` closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        if error.errno is None:
            raise
        where = f"{error.filename}: " if error.filename is not None else ""
        fail(f"{where}{error.strerror}; check the disk and its permissions, and run it again")
    except KeyboardInterrupt as stopped:
        print("stopped; run the same command again to continue", file=sys.stderr)
        sys.exit(stopped.args[0] if stopped.args else 130)  # as shells do
    sys.exit(0)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt(128 + number)


def fail(message: str, status: int = 1) -> NoReturn:
    """Exit with one line on stderr."""
    shown = message.encode(errors="backslashreplace").decode()  # a file name may not be valid text
    print(f"error: {shown}", file=sys.stderr)
    sys.exit(status)


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Lock the stage ``name`` in this folder: two processes would write the same files.

    The lock ends with the process, however that ends.

    Raises
    ------
    UserError
        If another process runs it.
    """
    folder = scratch()
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
                    f"{name}: process {other} is running it in this folder; wait for it, "
                    f"or stop it (kill {other})"
                ) from None
            except OSError:  # a file system without locks
                yield
                return
            if not path.exists() or not os.path.samestat(path.stat(), os.fstat(file.fileno())):
                continue  # removed by a process that has just ended
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _in_one_line(kind: type[BaseException], error: BaseException, trace: object) -> None:
    if issubclass(kind, KeyboardInterrupt):  # while a command is still loading
        print("stopped before it began", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)  # type: ignore[arg-type]


def quiet_interrupt() -> None:
    """Make Ctrl-C print one line from now on, even while modules load."""
    sys.excepthook = _in_one_line
