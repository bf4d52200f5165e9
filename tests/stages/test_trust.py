"""Captures whose frames are out of order: listed with the remedy, or refused on request."""

import shutil

import pandas as pd
import pytest

from psface.captures.capture_table import read_captures
from stages.crop import crop
from stages.ingest import ingest
from stages.stereo import stereo


@pytest.fixture
def swapped(simulated, settings, tmp_path, one_process, monkeypatch):
    """The table of two captures, the first of which has two frames swapped; and its maps."""
    monkeypatch.setattr("stages.stereo.truth_metrics", lambda *_: {})
    root = tmp_path / "captures"
    for person in ("0001", "0002"):
        source = sorted((simulated / "Photometric_DB" / person).iterdir())[0]
        shutil.copytree(source, root / person / source.name)
    folder = next((root / "0001").iterdir())
    (folder / "im1.bmp").rename(folder / "kept.bmp")
    (folder / "im2.bmp").rename(folder / "im1.bmp")
    (folder / "kept.bmp").rename(folder / "im2.bmp")
    params = settings.ingest.model_copy(update={"root": str(root)})
    ingest(params, 1, tmp_path / "sessions.parquet", tmp_path / "rejected.csv")
    stereo(settings.stereo, tmp_path / "sessions.parquet", tmp_path / "maps", tmp_path / "s.json")
    return tmp_path


def cut(folder, params):
    pictures = folder / "faces.png", folder / "doubts.png", folder / "views"
    return crop(params, folder / "sessions.parquet", folder / "maps", folder / "faces", *pictures)


def test_swapped_frames_are_named(swapped, settings, capsys):
    assert cut(swapped, settings.crop) == (2, 0, 0)
    found = pd.read_csv(swapped / "faces" / "trust.csv", dtype=str)
    assert set(found["identity"]) == {"0001"}
    assert found["code"].tolist() == ["lamps-order"]
    assert "1" in found["remedy"][0] and "2" in found["remedy"][0]
    assert (swapped / "doubts.png").stat().st_size > 10_000
    pages = [path.parent.name for path in (swapped / "views").rglob("*.html")]
    assert sorted(pages) == ["0001", "0002"]
    assert "1 capture to be doubted" in capsys.readouterr().out
    # What was found is kept with the crops.
    assert cut(swapped, settings.crop) == (0, 2, 0)
    assert pd.read_csv(swapped / "faces" / "trust.csv", dtype=str).equals(found)


def test_they_are_refused_on_request(swapped, settings):
    strict = settings.crop.model_copy(update={"untrusted": "refuse"})
    assert cut(swapped, strict) == (1, 0, 1)
    failures = pd.read_csv(swapped / "faces" / "failures.csv", dtype=str)
    assert failures["identity"].tolist() == ["0001"]
    reason = failures["reason"][0]
    assert "swap frames 1 and 2" in reason and "crop.untrusted" in reason
    assert len(list(read_captures(swapped / "sessions.parquet"))) == 2
