"""What the simulator writes."""

import csv
import json
import math
import re

import cv2
import numpy as np
import pytest

from psface.simulate.light import light_directions
from psface.simulate.recording import (
    light_source_text,
    prepare_session,
    render_frames,
    session_name,
    simulate_session,
)
from psface.stereo.map_files import read_maps
from stages.simulate import simulate
from tests.simulate.conftest import SEED, look

FILES = {
    "im0.bmp",
    "im1.bmp",
    "im2.bmp",
    "im3.bmp",
    "LightSource.m",
    "metadataII.txt",
    "truth.exr",
    "truth.json",
    "landmarks.csv",
}


@pytest.fixture(scope="module")
def captured(params, tmp_path_factory):
    out = tmp_path_factory.mktemp("simulated") / "out"
    out.mkdir()
    (out / "stale.txt").write_text("left over")
    assert simulate(params, SEED, out) == 4
    return out


def test_layout_is_complete(captured, params):
    assert [path.name for path in captured.iterdir()] == ["Photometric_DB"]
    sessions = sorted(captured.glob("Photometric_DB/*/*"))
    assert len(sessions) == 4 and sorted({s.parent.name for s in sessions}) == ["0001", "0002"]
    for session in sessions:
        assert {path.name for path in session.iterdir()} == FILES
        assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", session.name)
        for index in range(4):
            frame = cv2.imread(str(session / f"im{index}.bmp"), cv2.IMREAD_UNCHANGED)
            assert frame.shape == (params.height, params.width) and frame.dtype == np.uint8
            assert 8 < frame.mean() < 150
        maps = read_maps(session / "truth.exr")
        assert 0.2 < maps.mask.mean() < 0.9
        with (session / "landmarks.csv").open() as file:
            names = [row["name"] for row in csv.DictReader(file)]
        assert names == ["left_eye", "right_eye", "nose", "mouth_left", "mouth_right"]


def test_same_seed_same_bytes(captured, params, tmp_path):
    """A session does not depend on the others, nor on the run."""
    again = simulate_session(params, SEED, tmp_path, (1, 1))
    for path in again.iterdir():
        written = captured / path.relative_to(tmp_path)
        assert path.read_bytes() == written.read_bytes(), path.name
    other = simulate_session(params, SEED + 1, tmp_path / "other", (1, 1))
    assert (other / "im0.bmp").read_bytes() != (again / "im0.bmp").read_bytes()


def test_larger_population_keeps_the_people(params, tmp_path):
    """Person 3 is the same among 4 and among 6 people, and whatever the noise."""
    four = params.model_copy(update={"identities": 4})
    six = params.model_copy(update={"identities": 6, "noise": 0.0})
    first = simulate_session(four, SEED, tmp_path / "four", (2, 0))
    second = simulate_session(six, SEED, tmp_path / "six", (2, 0))
    for path in first.iterdir():
        same = path.read_bytes() == (second / path.name).read_bytes()
        # The noise is in the frames, and its level is told.
        assert same != (path.suffix == ".bmp" or path.name == "truth.json"), path.name


def test_metadata_line(captured, params):
    path = next(captured.glob("Photometric_DB/0001/*"))
    _, state = prepare_session(params, SEED, 0, 0)
    a = state.attributes
    expected = f"{a.gender}, {a.spectacles}, {a.facial_hair}, {a.pose}, ok,  , {a.emotion}, \n"
    first = path.parent / session_name(0, 0)
    assert (first / "metadataII.txt").read_text() == expected


def test_light_source_speaks_of_the_same_directions():
    """Slant r and clockwise azimuth a: l = (sin r sin a, sin r cos a, cos r)."""
    text = light_source_text(light_directions())
    rows = re.findall(r"90-([\d.]+) 360-([\d.]+);", text)
    assert text.startswith("LightAngle = [\n") and text.endswith("];\n") and len(rows) == 4
    for (slant, azimuth), light in zip(rows, light_directions(), strict=True):
        r, a = math.radians(float(slant)), math.radians(float(azimuth))
        read = [math.sin(r) * math.sin(a), math.sin(r) * math.cos(a), math.cos(r)]
        assert read == pytest.approx(light, abs=1e-4)
    signs = np.sign(light_directions()[:, :2]).astype(int).tolist()
    assert signs == [[1, -1], [1, 1], [-1, 1], [-1, -1]]  # lower right, then anticlockwise


def test_shifts_align_the_frames(params):
    """Frames rendered with motion are those without it, moved by what is written down."""
    _, drawn = prepare_session(params, SEED, 0, 0)
    assert not drawn.shifts[0].any() and np.abs(drawn.shifts).max() <= params.motion
    still, state = look(params)
    moved, moving = look(params, shifts=drawn.shifts)
    window = cv2.createHanningWindow((params.width, params.height), cv2.CV_32F)
    for before, after, shift in zip(
        render_frames(still, state), render_frames(moved, moving), drawn.shifts, strict=True
    ):
        found, _ = cv2.phaseCorrelate(np.float32(before), np.float32(after), window)
        assert found == pytest.approx(shift, abs=0.25)


def test_truth_tells_pose_and_shifts(captured, params):
    _, state = prepare_session(params, SEED, 1, 0)
    truth = json.loads(
        (captured / "Photometric_DB/0002" / session_name(1, 0) / "truth.json").read_text()
    )
    assert [truth[name] for name in ("yaw", "pitch", "roll")] == [
        state.yaw,
        state.pitch,
        state.roll,
    ]
    assert truth["shifts"] == state.shifts.tolist()
