from pathlib import Path

import cv2
import numpy as np
import pytest

from psface.captures.capture import Capture, Refusal
from psface.captures.images import read_frame
from psface.captures.ingest_params import IngestParams
from psface.captures.layouts.yale import light_direction, read_yale
from psface.errors import UserError
from tests.written_captures import ingested

FACE = "extended_yale_b"
ANGLES = ((-20, 20), (-35, -20), (20, 20), (35, -20))  # a light in each quadrant


@pytest.fixture
def params(settings):
    drawn = {"sessions_per_identity": 4, "lights_per_session": 4, "max_angle": 50.0}
    return changed(settings.ingest.model_copy(update={"source": "yale"}), **drawn)


def changed(params: IngestParams, **yale: object) -> IngestParams:
    """Parameters with changes in their section ``yale``."""
    return params.model_copy(update={"yale": params.yale.model_copy(update=yale)})


def write_person(root: Path, name: str, angles) -> Path:
    (root / name).mkdir(parents=True)
    ramp = np.linspace(20, 200, 24 * 20).reshape(24, 20).astype(np.uint8)
    for azimuth, elevation in angles:
        file = f"{name}_P00A{azimuth:+04d}E{elevation:+03d}.pgm"
        cv2.imwrite(str(root / name / file), ramp)
    return root / name


def split_results(results):
    results = list(results)
    sessions = [r for r in results if isinstance(r, Capture)]
    return sessions, [r for r in results if isinstance(r, Refusal)]


@pytest.mark.parametrize(
    ("azimuth", "elevation", "direction"),
    [
        (0, 0, (0, 0, 1)),
        (90, 0, (-1, 0, 0)),
        (-90, 0, (1, 0, 0)),
        (30, 90, (0, 1, 0)),
        (0, -30, (0, -0.5, 0.75**0.5)),
    ],
)
def test_light_direction(azimuth, elevation, direction):
    assert light_direction(azimuth, elevation) == pytest.approx(direction, abs=1e-12)


@pytest.mark.parametrize("person", ["yaleB01", "yaleB15", "yaleB28"])
def test_the_side_that_a_light_comes_from_is_the_brighter_one(shared_data, person):
    folder = shared_data / FACE / person
    for azimuth in (35, 50, 70):
        for sign in (1, -1):
            path = next(iter(sorted(folder.glob(f"*A{sign * azimuth:+04d}E*.pgm"))))
            left, right = np.split(read_frame(path), 2, axis=1)
            x, _, _ = light_direction(sign * azimuth, 0)
            assert np.sign(right.mean() - left.mean()) == np.sign(x)


def test_draws_of_real_people(shared_data, params):
    sessions, refusals = split_results(read_yale(shared_data / FACE, params, 1))
    assert len(sessions) == 29 * 4 and not refusals
    first = set()
    for session in sessions:
        assert np.linalg.norm(session.lights, axis=1) == pytest.approx(np.ones(4))
        assert np.degrees(np.arccos(session.lights[:, 2])).max() <= 50 + 1e-6
        quadrants = np.degrees(np.arctan2(session.lights[:, 1], session.lights[:, 0])) % 360 // 90
        assert sorted(quadrants) == [0, 1, 2, 3]
        first.add(quadrants[0])
        assert all(Path(frame).parent.name == session.identity for frame in session.frames)
    assert first == {0, 1, 2, 3}  # the 2D baseline's frame is lit from any side
    for person in {s.identity for s in sessions}:
        frames = [frame for s in sessions if s.identity == person for frame in s.frames]
        assert len(frames) == 16 and len(set(frames)) == 16


def test_real_draws_pass_the_checks(shared_data, params, tmp_path, one_process):
    params = changed(params, sessions_per_identity=1)
    params = params.model_copy(update={"root": str(shared_data / FACE)})
    accepted, refused = ingested(params, 1, tmp_path)
    assert len(accepted) == 29 and not refused


def test_draws_depend_on_the_seed_and_on_nothing_else(params, tmp_path):
    angles = [(a, e) for a in (-40, -30, -20, 20, 30, 40) for e in (-25, -15, 15, 25)]
    for name in ("anna", "ben"):
        write_person(tmp_path / "all", name, angles)
    write_person(tmp_path / "alone" / "", "ben", angles)

    def drawn(root: Path, seed: int) -> dict[str, tuple[str, ...]]:
        sessions, refusals = split_results(read_yale(tmp_path / root, params, seed))
        assert not refusals
        return {s.key: tuple(Path(frame).name for frame in s.frames) for s in sessions}

    first = drawn("all", 1)
    assert drawn("all", 1) == first != drawn("all", 2)
    assert drawn("alone", 1).items() <= first.items()
    lights_of = {who: [v for k, v in first.items() if k.startswith(who)] for who in ("anna", "ben")}
    assert [[f[5:] for f in draw] for draw in lights_of["anna"]] != [
        [f[4:] for f in draw] for draw in lights_of["ben"]
    ]


def test_a_person_with_few_lights_gets_refusals_for_the_rest(params, tmp_path):
    write_person(tmp_path, "few", [*ANGLES, (-25, 25), (25, 25), (30, -25)])
    write_person(tmp_path, "one-sided", [(20, 20), (30, 20), (40, -20), (30, -20)])
    sessions, refusals = split_results(read_yale(tmp_path, params, 1))
    assert [s.key for s in sessions] == ["few/draw0"]
    assert [(r.identity, r.name) for r in refusals] == [
        *[("few", f"draw{i}") for i in (1, 2, 3)],
        *[("one-sided", f"draw{i}") for i in range(4)],
    ]
    assert "few: lights within 50 degrees give only 1 disjoint draws; raise" in refusals[0].reason


def test_lights_beyond_the_angle_and_on_the_axis_are_left_out(params, tmp_path):
    write_person(tmp_path, "anna", [*ANGLES, (0, 0), (-70, 20), (-70, -20), (70, 20), (70, -20)])
    sessions, refusals = split_results(read_yale(tmp_path, params, 1))
    assert len(sessions) == 1 and len(refusals) == 3
    assert not any("070" in frame or "000" in frame for frame in sessions[0].frames)
    wide = changed(params, max_angle=80.0)
    assert len(split_results(read_yale(tmp_path, wide, 1))[0]) == 2


def test_other_files_are_no_lights(params, tmp_path):
    folder = write_person(tmp_path, "anna", ANGLES)
    for name in ("anna_P00.info", "anna_P00_Ambient.pgm", "anna_P00A+020E+20.pgm.bad", "x.pgm"):
        (folder / name).write_text("")
    (tmp_path / "nobody").mkdir()
    sessions, refusals = split_results(read_yale(tmp_path, params, 1))
    assert len(sessions) == 1 and {r.identity for r in refusals} == {"anna"}


@pytest.mark.parametrize("count", [3, 5, 8])
def test_any_number_of_lights_surrounds_the_face(params, tmp_path, count):
    write_person(tmp_path, "anna", [(a, e) for a in range(-45, 50, 15) for e in range(-40, 45, 8)])
    params = changed(params, lights_per_session=count, sessions_per_identity=2, max_angle=60.0)
    sessions, _ = split_results(read_yale(tmp_path, params, 1))
    assert len(sessions) == 2
    for session in sessions:
        x, y, _ = session.lights.T
        sectors = np.degrees(np.arctan2(y, x)) % 360 // (360 / count)
        assert sorted(sectors) == list(range(count))


def test_a_root_without_people(params, tmp_path):
    params = params.model_copy(update={"root": str(tmp_path)})
    with pytest.raises(UserError, match="no capture in the yale layout"):
        ingested(params, 1, tmp_path)


def test_poses_are_never_mixed(tmp_path, params):
    """The full set has each person in nine poses under all lights."""
    person = write_person(tmp_path, "yaleB11", ANGLES)
    for path in list(person.iterdir()):
        for pose in range(1, 9):
            (person / path.name.replace("P00", f"P{pose:02}")).write_bytes(path.read_bytes())
        (person / f"._{path.name}").write_bytes(b"")
    few = changed(params, sessions_per_identity=1)
    sessions, refusals = split_results(read_yale(tmp_path, few, 1))
    assert not refusals and len(sessions) == 9
    for session in sessions:
        [pose] = {Path(frame).name.split("_")[1][:3] for frame in session.frames}
        assert session.name == ("draw0" if pose == "P00" else f"{pose}-draw0")
