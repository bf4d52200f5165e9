"""The examples in the library's docstrings, run in a folder that has what they name."""

import doctest
import importlib
from pathlib import Path

import cv2
import pytest

import psface
from tests.untrained_models import save_untrained, untrained_card
from tests.written_captures import write_capture

ROOT = Path(psface.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def folder(settings, simulated, tmp_path_factory) -> Path:
    """``capture``, ``face.png`` and ``models``."""
    out = tmp_path_factory.mktemp("examples")
    write_capture(out / "capture")
    frame = next(simulated.rglob("im0.bmp"))
    cv2.imwrite(str(out / "face.png"), cv2.imread(str(frame), cv2.IMREAD_GRAYSCALE))
    save_untrained(out / "models", untrained_card(settings, "raw"))
    return out


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    result = doctest.testmod(importlib.import_module(name), verbose=False)
    assert result.attempted and not result.failed


def test_the_public_names_are_where_they_are_said_to_be():
    assert set(psface.__all__) <= set(dir(psface))
    for name in psface.__all__:
        assert callable(getattr(psface, name))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = psface.nothing
