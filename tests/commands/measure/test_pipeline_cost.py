"""The measurement of a pipeline leaves it as it was."""

from pathlib import Path

import pytest

from psface.commands.measure import pipeline_cost
from psface.commands.measure.pipeline_cost import Sections, capture_added, tell_pipeline
from psface.config import load
from psface.errors import UserError
from tests.clusters import ROOT
from tests.written_captures import ingested, settle, write_capture


@pytest.fixture
def finished(tmp_path, monkeypatch) -> Path:
    """A folder with a table of two captures, whose DVC does nothing."""
    monkeypatch.chdir(tmp_path)
    for person in ("anna", "berta"):
        write_capture(Path("captures") / person / "monday")
    settle(tmp_path)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    params = load(Sections).ingest.model_copy(update={"root": "captures"})
    ingested(params, 1, Path("data"))
    return tmp_path


def test_the_added_capture_goes_whatever_happens(finished):
    added = finished / "captures" / "berta" / "monday-added"
    with capture_added(finished) as count:
        assert count == 2 and (added / "im3.bmp").is_file()
    assert not added.exists()
    with pytest.raises(UserError), capture_added(finished):
        raise UserError("failed")
    assert not added.exists()


def test_it_runs_up_to_the_crops_with_it_and_again_without(finished, monkeypatch, capsys):
    calls = []

    def repro(folder: Path, *arguments: str) -> float:
        calls.append((arguments, len(list(folder.glob("captures/*/*")))))
        return 1.5

    monkeypatch.setattr(pipeline_cost, "_repro", repro)
    tell_pipeline(finished)
    some = ("--single-item", "check", "ingest", "stereo", "crop")
    assert calls == [((), 2), ((), 2), (some, 3), (some, 2)]
    printed = capsys.readouterr().out
    assert "nothing changed: 1.5 s" in printed and "with a capture added to 2: 1.5 s" in printed
