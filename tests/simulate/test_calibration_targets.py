"""The rig's own files: its truth, and the balls to find it by."""

import cv2
import numpy as np
import pytest

from psface.rig.response import linear_light
from psface.rig.rig import read_rig
from psface.simulate.balls import BRIGHTEST
from psface.simulate.calibration_targets import MIRROR_RADIUS, MIRRORS
from psface.simulate.light import light_directions
from psface.simulate.true_rig import draw_rig
from stages.simulate import simulate
from tests.simulate.conftest import SEED, rigged

PICTURES = ["00.png", "01.png", "02.png", "03.png", "ambient.png", "mask.png"]


@pytest.fixture(scope="module")
def everything(params):
    small = params.model_copy(
        update={"width": 96, "height": 128, "identities": 1, "sessions": 1, "noise": 0.5}
    )
    return rigged(
        small, camera_distance_mm=900.0, lamp_distance_mm=700.0, lamp_spread=0.15,
        lamp_anisotropy=4.0, ambient=0.1, response="srgb",
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(everything, tmp_path_factory):
    out = tmp_path_factory.mktemp("rigged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("psface.parallel.available_cpus", lambda: 1)
        assert simulate(everything, SEED, out) == 1
    return out


def read(path, response="srgb") -> np.ndarray:
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float32)
    return linear_light(values / 255, response)


def test_the_rig_file_is_the_truth(made, everything):
    rig = read_rig(made / "rig")
    assert rig.camera.response == "srgb" and rig.distance_mm == 900
    assert rig.mm_per_px == pytest.approx(1 / draw_rig(everything, SEED).scale)
    for lamp, direction in zip(rig.lamps, light_directions(), strict=True):
        assert np.array(lamp.position_mm) + [0, 0, 900] == pytest.approx(700 * direction, abs=1e-3)
        assert lamp.axis == pytest.approx(-direction) and lamp.anisotropy == 4
    assert sorted(lamp.strength for lamp in rig.lamps) == pytest.approx([0.85, 0.95, 1.05, 1.15])
    assert rig.directions() == pytest.approx(light_directions(), abs=1e-6)


def test_a_rig_of_distant_lamps_tells_directions(params):
    rig = draw_rig(rigged(params, lamp_spread=0.1), SEED).file()
    assert not rig.near and rig.mm_per_px is None
    assert rig.directions() == pytest.approx(light_directions())


def test_the_layout_of_the_targets(made):
    assert sorted(p.name for p in made.iterdir()) == [
        "Photometric_DB", "calibration", "rig", "rig.json",
    ]  # fmt: skip
    for kind in ("matte", "mirror"):
        assert sorted(p.name for p in (made / "calibration" / kind).iterdir()) == PICTURES


def test_mirror_balls_show_the_lamps_where_they_are_reflected(made, everything):
    rig = read_rig(made / "rig")
    folder = made / "calibration" / "mirror"
    focal, middle = rig.camera.focal_px[0], np.array([95, 127]) / 2
    radius, flat = MIRROR_RADIUS, 900 / 1000
    ambient = read(folder / "ambient.png")
    for number, lamp in enumerate(rig.lamps):
        picture = read(folder / f"{number:02d}.png") - ambient
        for x, y, z in MIRRORS:
            centre = np.array([x, y, flat * z - 900])
            box = middle + focal / -centre[2] * centre[:2] * [1, -1]
            rows, columns = np.indices(picture.shape)
            inside = np.hypot(columns - box[0], rows - box[1]) < 0.9 * radius * focal / 900
            weight = np.where(inside & (picture > 0.2), picture, 0)
            column, row = (weight * columns).sum(), (weight * rows).sum()
            column, row = column / weight.sum(), row / weight.sum()
            ray = np.array([(column - middle[0]) / focal, (middle[1] - row) / focal, -1])
            ray /= np.linalg.norm(ray)
            along = ray @ centre
            distance = along - np.sqrt(along**2 - centre @ centre + radius**2)
            normal = (distance * ray - centre) / radius
            reflected = ray - 2 * (ray @ normal) * normal
            to_lamp = np.array(lamp.position_mm) - distance * ray
            cosine = reflected @ to_lamp / np.linalg.norm(to_lamp)
            assert np.degrees(np.arccos(min(cosine, 1))) < 3  # balls of 18 px radius


def test_matte_balls_show_strengths_and_the_room(made):
    rig = read_rig(made / "rig")
    folder = made / "calibration" / "matte"
    room = read(folder / "ambient.png")[60:68, 44:52].mean()
    assert room == pytest.approx(BRIGHTEST * 0.1 / 1.15, rel=0.05)
    seen = np.array([read(folder / f"{n:02d}.png")[60:68, 44:52].mean() for n in range(4)]) - room
    assert seen / seen.mean() == pytest.approx([lamp.strength for lamp in rig.lamps], rel=0.05)
