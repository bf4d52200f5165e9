"""The stage on captures whose rig is in a file."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from psface.captures.capture_table import read_captures
from psface.captures.layouts.photoface import read_photoface
from psface.captures.rigged import rigged
from psface.rig.formats.light_source import read_light_source
from psface.rig.rig import Camera, Lamp, Rig, write_rig
from psface.stereo.compute import compute_maps
from psface.stereo.map_files import Maps, read_maps
from tests.shapes import FOUR_LIGHTS, angle, sphere
from tests.stages.test_stereo import Pipeline
from tests.written_captures import SIZE, capture_frames, write_capture

pytestmark = pytest.mark.usefixtures("one_process")


@pytest.fixture
def pipeline(tmp_path, settings) -> Pipeline:
    pipeline = Pipeline(tmp_path, settings)
    write_capture(pipeline.root / "1001" / "a")
    write_capture(pipeline.root / "1001" / "b", 1)
    return pipeline


def folder(pipeline: Pipeline, name: str = "a") -> Path:
    return pipeline.root / "1001" / name


def maps(pipeline: Pipeline, name: str = "a") -> Maps:
    return read_maps(pipeline.out / "1001" / f"{name}.exr")


def distant(lights: np.ndarray, strengths=(1.0, 1.0, 1.0, 1.0), **camera) -> Rig:
    lamps = tuple(
        Lamp(direction=tuple(light), intensity=strength)
        for light, strength in zip(lights.tolist(), strengths, strict=True)
    )
    return Rig(camera=Camera(**camera), lamps=lamps)


def assert_same(one: Maps, other: Maps) -> None:
    for name in ("normal", "albedo", "depth", "mask", "shifts"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_equal_distant_lamps_of_a_rig_give_the_maps_of_their_directions(pipeline):
    pipeline.run()
    before = maps(pipeline)
    source = folder(pipeline) / "LightSource.m"
    write_rig(folder(pipeline) / "rig.json", distant(read_light_source(source)))
    assert pipeline.run()[:2] == (1, 1)
    assert_same(maps(pipeline), before)
    source.unlink()
    assert pipeline.run()[:2] == (0, 2)
    assert maps(pipeline).mm_per_px is None


def test_what_is_undone_was_done_by_the_camera(pipeline):
    """sRGB frames in a room with light, lamps of unequal strength, and what they mean."""
    strengths = np.array([1.0, 0.6, 0.8, 1.0])
    frames = np.float32(capture_frames()) / 255 * strengths[:, None, None].astype(np.float32)
    room = np.float32(0.08) + 0.04 * np.indices((SIZE, SIZE), dtype=np.float32)[1] / SIZE
    normal, _, ball = sphere(SIZE, 0.45 * SIZE)
    rig = distant(FOUR_LIGHTS, tuple(strengths.tolist()), response="srgb")
    for number, light in enumerate([*(frames + room), room]):
        curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        name = f"im{number}.png" if number < 4 else "ambient.png"
        cv2.imwrite(str(folder(pipeline) / name), np.uint16(np.minimum(curved, 1) * 65535 + 0.5))
        (folder(pipeline) / f"im{number}.bmp").unlink(missing_ok=True)
    (folder(pipeline) / "LightSource.m").unlink()
    off = {"register_frames": False}
    write_rig(folder(pipeline) / "rig.json", rig)
    pipeline.run(**off)
    inner = maps(pipeline).mask & ball & (capture_frames().min(axis=0) > 30)
    assert inner.sum() > 500
    assert angle(maps(pipeline).normal, normal, inner) < 0.5
    for worse in (
        distant(FOUR_LIGHTS, tuple(strengths.tolist())),
        distant(FOUR_LIGHTS, response="srgb"),
    ):
        write_rig(folder(pipeline) / "rig.json", worse)
        assert pipeline.run(**off)[:2] == (1, 1)
        assert angle(maps(pipeline).normal, normal, inner) > 3


@pytest.mark.parametrize("what", ["strength", "response", "ambient", "mask", "another mask"])
def test_what_changes_recomputes_its_capture_alone(pipeline, what):
    write_rig(folder(pipeline) / "rig.json", distant(FOUR_LIGHTS))
    disc = np.uint8(255 * sphere(SIZE, 25)[2])
    if what == "another mask":
        cv2.imwrite(str(folder(pipeline) / "mask.png"), disc)
    pipeline.run()
    if what == "strength":
        write_rig(folder(pipeline) / "rig.json", distant(FOUR_LIGHTS, (1.0, 1.1, 1.0, 1.0)))
    elif what == "response":
        write_rig(folder(pipeline) / "rig.json", distant(FOUR_LIGHTS, response={"gamma": 1.1}))
    elif what == "ambient":
        cv2.imwrite(str(folder(pipeline) / "ambient.png"), np.full((SIZE, SIZE), 2, np.uint8))
    else:
        disc[:30] = 0
        cv2.imwrite(str(folder(pipeline) / "mask.png"), disc)
    assert pipeline.run()[:2] == (1, 1)
    if "mask" in what:
        assert not maps(pipeline).mask[:30].any() and maps(pipeline).mask[32:40, 20:40].all()


def test_a_flat_field_that_changed_recomputes(pipeline):
    lamps = list(distant(FOUR_LIGHTS).lamps)
    lamps[2] = lamps[2].model_copy(update={"flat_field": "flat.png"})
    write_rig(folder(pipeline) / "rig.json", Rig(lamps=tuple(lamps)))
    for value in (100, 120):
        flat = np.full((SIZE, SIZE), value, np.uint8)
        flat[:, 40:] = 200
        cv2.imwrite(str(folder(pipeline) / "flat.png"), flat)
        pipeline.run()
    assert pipeline.run()[:2] == (0, 2)
    flat[0, 0] = 99
    cv2.imwrite(str(folder(pipeline) / "flat.png"), flat)
    assert pipeline.run()[:2] == (1, 1)


def test_depth_in_mm_of_a_rig_that_knows_mm(pipeline):
    camera = {"width_px": SIZE, "height_px": SIZE, "focal_px": (2000.0, 2000.0)}
    pipeline.run()
    before = maps(pipeline)
    rig = distant(FOUR_LIGHTS, **camera).model_copy(update={"distance_mm": 1000.0})
    write_rig(folder(pipeline) / "rig.json", rig)
    pipeline.run()
    after = maps(pipeline)
    assert after.mm_per_px == 0.5
    difference = (after.depth_px - before.depth)[after.mask & before.mask]
    assert np.abs(difference - np.median(difference)).mean() < 1  # px; it is seen in perspective


def test_colours_of_frames(pipeline, settings):
    shares = np.array([0.5, 1.0, 0.8])
    for number, frame in enumerate(capture_frames()):
        colours = (frame[..., None] * shares[::-1]).round().astype(np.uint8)  # OpenCV's order
        cv2.imwrite(str(folder(pipeline) / f"im{number}.bmp"), colours)
    (pipeline.root / "1001" / "b").rename(pipeline.root.parent / "b")
    write_rig(folder(pipeline) / "rig.json", distant(FOUR_LIGHTS))
    pipeline.run(colour_albedo=True)
    found = maps(pipeline)
    inner = found.mask & (capture_frames().min(axis=0) > 30)
    ratio = found.colour[:, inner] / found.albedo[inner]
    np.testing.assert_allclose(ratio.mean(axis=1), shares / shares.mean(), atol=0.01)
    [capture] = read_captures(pipeline.sessions)
    with_colours = compute_maps(
        capture.pixels(colours=True), settings.stereo.model_copy(update={"colour_albedo": True})
    )
    np.testing.assert_allclose(with_colours.colour, found.colour, atol=1e-3)


def test_frames_in_grey_have_no_colours(pipeline):
    cv2.imwrite(
        str(folder(pipeline) / "im1.bmp"), cv2.merge([capture_frames(7)[1]] * 3)
    )  # one of them in colour
    write_capture(pipeline.root / "1001" / "c", 2)
    for number, frame in enumerate(capture_frames(2)):
        cv2.imwrite(str(folder(pipeline, "c") / f"im{number}.bmp"), cv2.merge([frame] * 3))
    assert pipeline.run(colour_albedo=True)[:3] == (1, 0, 2)
    assert "frames in grey have no colour_albedo; set it" in pipeline.failures()["a"]


def test_a_real_capture_in_colour(shared_data):
    """Under the same distant equal lamps, a rig changes nothing."""
    [capture] = read_photoface(shared_data / "photoface", None, 0)
    joined = rigged(capture, distant(capture.lights))
    assert (joined.pixels().grey == capture.pixels().grey).all()
    assert joined.pixels().saturated is None
