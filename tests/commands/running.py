"""``psface`` as it is typed, but in this process: starting forty costs minutes."""

import re
import signal
import sys

import pytest

from psface.commands.cli import main


def psface(*words: object) -> int:
    """The exit status of ``psface WORDS...``."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    handlers = {number: signal.getsignal(number) for number in numbers}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["psface", *map(str, words)])
        patch.setattr(sys, "excepthook", sys.excepthook)  # so that it is put back
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return ended.value.code


def refused(capsys: pytest.CaptureFixture[str], match: str, *words: object) -> None:
    """``psface WORDS...`` ends in status 1, with one line of error, in which there is ``match``."""
    capsys.readouterr()
    assert psface(*words) == 1
    said = capsys.readouterr().err
    [message] = re.findall("^error: (.*)$", said, re.MULTILINE)
    assert said.endswith(f"error: {message}\n")
    assert re.search(match, message), message
