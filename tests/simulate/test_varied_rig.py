"""A rig of its own for every capture."""

import json

import numpy as np
import pytest

from psface.captures.layouts.photoface import read_capture
from psface.simulate.recording import simulate_session
from psface.simulate.simulate_params import RigParams
from psface.stereo.map_files import read_maps
from psface.stereo.normals import photometric_stereo
from tests.simulate.conftest import SEED, rigged

SESSIONS = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]


@pytest.fixture(scope="module")
def varied(params, tmp_path_factory):
    params = rigged(params.model_copy(update={"noise": 0.0, "motion": 0.0}), varied=True)
    out = tmp_path_factory.mktemp("varied")
    return [simulate_session(params, SEED, out, each) for each in SESSIONS]


def test_every_capture_is_read_with_lamps_of_its_own(varied):
    captures = [read_capture("0001", folder) for folder in varied]
    counts = [len(capture.lights) for capture in captures]
    assert all(len(c.frames) == n for c, n in zip(captures, counts, strict=True))
    assert min(counts) >= 3 and len(set(counts)) > 1
    for capture in captures:
        assert np.linalg.norm(capture.lights, axis=1) == pytest.approx(1, abs=1e-4)
        assert np.degrees(np.arccos(capture.lights[:, 2])).max() < 60
        assert np.linalg.cond(capture.lights) < 8.1


def test_the_lights_it_tells_are_those_of_its_frames(varied):
    for folder in varied:
        capture, truth = read_capture("0001", folder), read_maps(folder / "truth.exr")
        near = [
            np.median(
                (photometric_stereo(capture.pixels().grey, lights)[0] * truth.normal).sum(0)[
                    truth.mask
                ]
            )
            for lights in (capture.lights, np.roll(capture.lights, 1, axis=0))
        ]
        assert near[0] > 0.9 > near[1]  # the lamps' strengths and distances are not told


def test_strengths_are_told_by_the_truth_alone(varied):
    strengths = [
        json.loads((f / "truth.json").read_text())["rig"]["lamp_strengths"] for f in varied
    ]
    assert np.concatenate(strengths).std() > 0.01
    assert not any((folder / "rig.yaml").exists() for folder in varied)


def test_people_and_their_states_are_those_of_the_ideal_rig(params, varied, tmp_path):
    ideal = simulate_session(rigged(params), SEED, tmp_path, SESSIONS[3])
    for name in ("metadataII.txt", "landmarks.csv"):
        assert (ideal / name).read_text() == (varied[3] / name).read_text()


@pytest.mark.parametrize(
    "also", [{"lamp_distance_mm": 900.0}, {"lamp_spread": 0.1}, {"response": "srgb"}], ids=str
)
def test_what_it_draws_itself_or_cannot_tell_is_refused(also):
    with pytest.raises(ValueError, match=r"varied (draws lamps|captures tell)"):
        RigParams.model_validate({"varied": True, **also})
