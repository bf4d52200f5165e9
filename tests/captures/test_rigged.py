"""Captures joined with the rig that took them."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from psface.captures.capture import NO_LIGHTS, Capture, Refusal, picture
from psface.captures.rigged import read_placed_rig, rig_of, rigged, with_rig
from psface.errors import UserError
from psface.rig.rig import Camera, Lamp, Rig, write_rig
from tests.shapes import FOUR_LIGHTS
from tests.written_captures import capture_frames, ingested, write_capture
from tests.written_pictures import exposed, exr, saved, write

pytestmark = pytest.mark.usefixtures("one_process")
CAMERA = Camera(width_px=64, height_px=64, focal_px=(100.0, 100.0))


def distant(intensities=(1.0, 1.0, 1.0, 1.0), **changes) -> Rig:
    lamps = tuple(
        Lamp(direction=tuple(light), intensity=strength)
        for light, strength in zip(FOUR_LIGHTS.tolist(), intensities, strict=True)
    )
    return Rig(lamps=lamps, **changes)


def near(**changes) -> Rig:
    """Lamps half a metre in front of the face, in the four directions."""
    places = 500 * FOUR_LIGHTS - [0, 0, 700]
    lamps = tuple(
        Lamp(position_mm=tuple(place), intensity=strength)
        for place, strength in zip(places.tolist(), (1.0, 2.0, 1.0, 1.0), strict=True)
    )
    return Rig(camera=CAMERA, lamps=lamps, distance_mm=700.0, **changes)


def capture(lights=NO_LIGHTS, frames: int = 4) -> Capture:
    return Capture("p", "s", tuple(f"p/s/im{n}.bmp" for n in range(frames)), lights)


def test_a_rig_gives_lights_as_long_as_its_lamps_are_strong():
    rig = distant((1.0, 2.0, 1.0, 4.0))
    joined = rigged(capture(), rig)
    assert joined.rig == rig
    np.testing.assert_allclose(joined.lights, FOUR_LIGHTS * np.array([[1], [2], [1], [4]]) / 2)
    joined = rigged(capture(), near())
    np.testing.assert_allclose(
        joined.lights, FOUR_LIGHTS * np.array([[1], [2], [1], [1]]) / 1.25, atol=1e-12
    )


def test_lights_that_both_give_agree_within_5_degrees():
    lamps = list(distant().lamps)
    lamps[2] = Lamp(direction=(0.0, 0.0, 1.0))
    rig = Rig(lamps=tuple(lamps))
    lights = FOUR_LIGHTS.copy()
    lights[2] = [np.sin(np.radians(4)), 0, np.cos(np.radians(4))]
    assert rigged(capture(3 * lights), rig).lights[2].tolist() == [0, 0, 1]
    lights[2] = [np.sin(np.radians(6)), 0, np.cos(np.radians(6))]
    with pytest.raises(UserError, match=r"p/s: lamp 3 of lab is 6 degrees .*; remove which"):
        rigged(capture(lights), rig, "lab")


def test_lamps_for_another_number_of_frames_are_refused():
    rig = distant().with_lamps([0, 1, 2])
    for made in (capture(), capture(FOUR_LIGHTS)):
        with pytest.raises(UserError, match=r"p/s: 4 frames, but rig\.json has 3 lamps; name"):
            rigged(made, rig, "rig.json")


def test_lamps_named_as_the_frames_are_in_their_order():
    names = ["im0", "im1", "im2", "im3"]

    def called(names):
        lamps = zip(distant().lamps, names, strict=True)
        return Rig(lamps=tuple(lamp.model_copy(update={"name": name}) for lamp, name in lamps))

    assert rigged(capture(), called(["im0.png", "im1.png", "im2.png", "im3.png"])).rig
    assert rigged(capture(), called("wxyz")).rig
    swapped = called(["im0", "im2", "im1", "im3"])
    with pytest.raises(UserError, match=r"im1\.bmp: lamp 2 of lab is called im2; put its lamps in"):
        rigged(capture(), swapped, "lab")
    assert rigged(capture(), swapped, "lab", chosen=True).rig == swapped
    assert rigged(capture(), called(names)).rig


def test_what_is_known_of_the_camera_alone_joins_the_capture_s_lights():
    rig = Rig(camera=Camera(response="srgb"))
    joined = rigged(capture(FOUR_LIGHTS), rig)
    assert joined.rig == rig and np.array_equal(joined.lights, FOUR_LIGHTS)


def test_a_capture_s_own_rig_comes_first_and_pictures_need_none():
    own = replace(capture(FOUR_LIGHTS), rig=Rig(camera=Camera(response="srgb")))
    assert rigged(own, distant()) is own
    still = picture("p", Path("a/b.jpg"))
    assert rigged(still, distant()) is still


def test_captures_that_do_not_fit_are_refused_alone(tmp_path):
    write_rig(tmp_path / "rig.json", distant())
    refusal = Refusal("p", "t", "because")
    items = [capture(), capture(frames=5), refusal]
    first, second, third = with_rig(items, tmp_path / "rig.json")
    assert first.rig == distant() and third is refusal
    assert isinstance(second, Refusal) and "5 frames, but" in second.reason
    assert str(tmp_path / "rig.json") in second.reason
    assert list(with_rig(items, None)) == items
    with pytest.raises(UserError, match=r"none: missing; give the rig's folder or file"):
        list(with_rig(items, tmp_path / "none"))


def test_a_rig_for_ordinary_pictures_is_refused_not_ignored(tmp_path, settings):
    write_rig(tmp_path / "rig.json", distant())
    items = [picture("p", Path("a.png"))]
    with pytest.raises(UserError, match=r"rig\.json: a rig, but a\.png is an ordinary picture"):
        list(with_rig(items, tmp_path / "rig.json"))
    assert list(with_rig(items, None)) == items
    (tmp_path / "root" / "anna").mkdir(parents=True)
    write(tmp_path / "root" / "anna" / "a.png", saved(capture_frames()[0], "png"))
    changes = {"source": "folders", "root": str(tmp_path / "root")}
    params = settings.ingest.model_copy(update=changes)
    assert len(ingested(params, 1, tmp_path)[0]) == 1
    with pytest.raises(UserError, match=r"ingest\.source to a layout of captures"):
        ingested(params.model_copy(update={"rig": str(tmp_path / "rig.json")}), 1, tmp_path)


def with_pictures(**changes) -> Rig:
    lamps = tuple(
        lamp.model_copy(update={"flat_field": f"flat{n}.png"})
        for n, lamp in enumerate(distant().lamps)
    )
    return Rig(lamps=lamps, ambient="dark.png", **changes)


def test_pictures_of_a_rig_are_beside_it(tmp_path, monkeypatch):
    names = ["dark.png", *(f"flat{n}.png" for n in range(4))]
    write_rig(tmp_path / "lab" / "rig.json", with_pictures())
    for name in names:
        (tmp_path / "lab" / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    for place in ("lab", "lab/rig.json"):
        rig = read_placed_rig(tmp_path / place)
        assert rig.ambient == f"{tmp_path}/lab/dark.png"
        assert [lamp.flat_field for lamp in rig.lamps] == [
            f"{tmp_path}/lab/flat{n}.png" for n in range(4)
        ]
    (tmp_path / "lab" / "flat2.png").unlink()
    with pytest.raises(UserError, match=r"lab/rig\.json: picture flat2\.png is not beside it"):
        read_placed_rig(tmp_path / "lab")


@pytest.mark.parametrize("name", ["../dark.png", "/etc/hostname", "sub/dark.png", ".."])
def test_pictures_elsewhere_are_refused(tmp_path, name):
    write_rig(tmp_path / "lab" / "rig.json", Rig(ambient=name))
    (tmp_path / "lab" / "sub").mkdir()
    for path in (tmp_path / "dark.png", tmp_path / "lab" / "sub" / "dark.png"):
        path.write_bytes(b"")
    with pytest.raises(UserError, match=r"rig\.json: picture .* is not beside it; copy it there"):
        read_placed_rig(tmp_path / "lab")


def test_a_rig_of_another_name_has_no_pictures(tmp_path):
    """DVC depends on the file alone, not on what is beside it."""
    write_rig(tmp_path / "lab.json", with_pictures())
    for name in ["dark.png", *(f"flat{n}.png" for n in range(4))]:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(UserError, match=r"lab\.json: it names dark\.png; put both into a folder"):
        read_placed_rig(tmp_path / "lab.json")


def test_a_rig_at_the_top_of_the_captures(tmp_path):
    assert rig_of(tmp_path, "") is None and str(rig_of(tmp_path, "a/rig.yaml")) == "a/rig.yaml"
    write_rig(tmp_path / "rig.yml", distant())
    assert rig_of(tmp_path, "") == tmp_path


def params_of(settings, root, **changes):
    return settings.ingest.model_copy(update={"source": "photoface", "root": str(root), **changes})


@pytest.mark.parametrize("where", ["stated", "at the top"])
@pytest.mark.parametrize("rig", [distant((1.0, 1.2, 1.0, 1.0)), near()], ids=["distant", "near"])
def test_a_rig_for_all_captures(settings, tmp_path, where, rig):
    folder = write_capture(tmp_path / "root" / "p" / "a")
    (folder / "LightSource.m").unlink()
    write_capture(tmp_path / "root" / "p" / "b", 1)  # has its lights too
    place = tmp_path / ("lab" if where == "stated" else "root") / "rig.json"
    write_rig(place, rig)
    stated = str(place.parent) if where == "stated" else ""
    accepted, refused = ingested(params_of(settings, tmp_path / "root", rig=stated), 1, tmp_path)
    assert not refused and [c.name for c in accepted] == ["a", "b"]
    for found in accepted:
        assert found.rig == rig
        np.testing.assert_allclose(found.lights, rig.lights())


BAD = {
    "seven lamps for eight frames": (
        distant().with_lamps([0, 1, 2]),
        "4 frames, but the rig has 3 lamps; name the rig that took them",
    ),
    "a rig of other frames": (
        near().model_copy(update={"camera": CAMERA.model_copy(update={"width_px": 63})}),
        "im0.bmp: 64x64, but the rig's camera takes 63x64; use the rig of these frames, uncropped",
    ),
    "lamps that LightSource.m contradicts": (
        distant().with_lamps([1, 0, 2, 3]),
        "degrees from the light that the capture gives; remove whichever is wrong",
    ),
}


@pytest.mark.parametrize(("rig", "reason"), BAD.values(), ids=BAD)
def test_a_rig_that_does_not_fit_is_told(settings, tmp_path, rig, reason):
    write_capture(tmp_path / "root" / "p" / "a")
    write_rig(tmp_path / "lab.json", rig)
    reason = reason.replace("the rig has", f"{tmp_path}/lab.json has")
    with pytest.raises(UserError) as told:
        ingested(params_of(settings, tmp_path / "root", rig=f"{tmp_path}/lab.json"), 1, tmp_path)
    assert reason in str(told.value) and "\n" not in str(told.value)
    assert f"{tmp_path}/root/p/a" in str(told.value)


@pytest.mark.parametrize("unit", ["positions", "distance"])
def test_a_rig_in_metres_is_told(settings, tmp_path, unit):
    write_capture(tmp_path / "root" / "p" / "a")
    rig = near()
    if unit == "positions":
        metres = [np.array(lamp.position_mm) / 1000 for lamp in rig.lamps]
        rig = rig.model_copy(
            update={
                "lamps": tuple(
                    lamp.model_copy(update={"position_mm": tuple(place.tolist())})
                    for lamp, place in zip(rig.lamps, metres, strict=True)
                )
            }
        )
    else:
        rig = rig.model_copy(update={"distance_mm": 0.7})
    write_rig(tmp_path / "lab.json", rig)
    with pytest.raises(UserError, match=r"lab\.json: .*are these metres\? give mm"):
        ingested(params_of(settings, tmp_path / "root", rig=f"{tmp_path}/lab.json"), 1, tmp_path)


class Aides:
    """A capture in Photoface's layout with an ambient frame, a mask and a rig."""

    def __init__(self, settings, tmp_path):
        self.folder = write_capture(tmp_path / "root" / "p" / "a")
        write_capture(tmp_path / "root" / "p" / "good", 1)
        self.frames = [cv2.imread(str(self.folder / f"im{n}.bmp"), 0) for n in range(4)]
        self.params, self.out = params_of(settings, tmp_path / "root"), tmp_path

    def write(self, name: str, image: np.ndarray) -> None:
        cv2.imwrite(str(self.folder / name), image)

    def run(self) -> Capture | Refusal:
        accepted, refused = ingested(self.params, 1, self.out)
        assert len(accepted) + len(refused) == 2
        return refused[0] if refused else next(c for c in accepted if c.name == "a")


@pytest.fixture
def aides(settings, tmp_path) -> Aides:
    return Aides(settings, tmp_path)


def test_an_ambient_frame_and_a_mask_beside_the_frames(aides):
    plain = aides.run()
    disc = np.uint8(cv2.circle(np.zeros((64, 64)), (32, 32), 20, 255, -1))
    aides.write("ambient.png", np.full((64, 64), 5, np.uint8))
    aides.write("mask.png", disc)
    found = aides.run()
    assert found.ambient.endswith("p/a/ambient.png") and found.mask.endswith("p/a/mask.png")
    assert len(found.frames) == 4 and found.digest != plain.digest
    pixels = found.pixels()
    assert np.array_equal(pixels.mask, disc > 0)
    wanted = np.maximum(np.float32(aides.frames) - 5, 0) / 255
    np.testing.assert_allclose(pixels.grey, wanted, atol=1e-6)


def test_a_picture_in_another_role_is_another_capture(aides):
    """So that its maps are made again."""
    aides.write("ambient.png", np.eye(64, dtype=np.uint8) * 200)
    ambient = aides.run()
    (aides.folder / "ambient.png").rename(aides.folder / "mask.png")
    mask = aides.run()
    assert (ambient.mask, mask.ambient) == ("", "") and ambient.digest != mask.digest


def test_a_rig_beside_the_frames_replaces_their_lights_or_agrees_with_them(aides):
    write_rig(aides.folder / "rig.json", distant((1.0, 2.0, 1.0, 1.0)))
    both = aides.run()
    (aides.folder / "LightSource.m").unlink()
    alone = aides.run()
    for found in (both, alone):
        assert np.linalg.norm(found.lights, axis=1) == pytest.approx(np.array([4, 8, 4, 4]) / 5)
    (aides.folder / "rig.json").rename(aides.folder / "RIG.JSON")
    assert aides.run().rig == alone.rig
    write_rig(aides.folder / "rig.yaml", distant())
    assert "rig.yaml; remove one" in aides.run().reason


def grey(value: int, size: int = 64) -> np.ndarray:
    return np.full((size, size), value, np.uint8)


REFUSED = {
    "ambient brighter than a frame": (
        {"ambient.png": grey(120)},
        "p/a/ambient.png: brighter than a frame, as no ambient light can be; was a lamp on? Take",
    ),
    "ambient of another size": (
        {"ambient.png": grey(3, 32)},
        "p/a/ambient.png: not of the frames' size, 64x64 and 32x32; take it like the frames",
    ),
    "ambient as JPEG": ({"ambient.jpg": grey(3)}, "p/a/ambient.jpg: a JPEG, whose values are not"),
    "two ambient frames": (
        {"ambient.png": grey(3), "Ambient.bmp": grey(4)},
        "p/a: Ambient.bmp and ambient.png; remove one",
    ),
    "mask with alpha": (
        {"mask.png": np.dstack([grey(255)] * 4)},
        "p/a/mask.png: a mask with an alpha channel; save it as grey, white on the face",
    ),
    "mask of another size": (
        {"mask.png": grey(255, 65)},
        "p/a/mask.png: not of the frames' size, 64x64 and 65x65",
    ),
    "empty mask": ({"mask.png": grey(100)}, "an empty mask, whose brightest pixel is 39% of white"),
}


@pytest.mark.parametrize(("pictures", "reason"), REFUSED.values(), ids=REFUSED)
def test_bad_pictures_beside_the_frames(aides, pictures, reason):
    for name, image in pictures.items():
        aides.write(name, image)
    refused = aides.run()
    assert isinstance(refused, Refusal) and reason in refused.reason and "\n" not in refused.reason


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("ambient.png", b"no picture", "p/a/ambient.png: truncated or not an image"),
        ("mask.png", b"", "p/a/mask.png: truncated or not an image"),
        ("ambient.hdr", b"#?RADIANCE", "p/a/ambient.hdr: "),
        ("rig.yaml", b"lamps: []", "p/a/rig.yaml: not a rig; its first line is `schema: psface"),
        ("rig.yaml", b"\xff\xfe\0", "p/a/rig.yaml, line 1: neither UTF-8"),
    ],
)
def test_unreadable_files_beside_the_frames(aides, name, content, reason):
    (aides.folder / name).write_bytes(content)
    refused = aides.run()
    assert isinstance(refused, Refusal) and reason in refused.reason and "\n" not in refused.reason


@pytest.mark.parametrize(
    ("flat", "reason"),
    [
        (grey(0), "p/a/flat.png: black or nearly so"),
        (grey(200, 9), "p/a/flat.png: not of the frames' size, 64x64 and 9x9"),
        (grey(255), "p/a/flat.png: 100% is saturated"),
    ],
)
def test_bad_flat_fields(aides, flat, reason):
    aides.write("flat.png", flat)
    lamps = list(distant().lamps)
    lamps[1] = lamps[1].model_copy(update={"flat_field": "flat.png"})
    write_rig(aides.folder / "rig.json", Rig(lamps=tuple(lamps)))
    refused = aides.run()
    assert isinstance(refused, Refusal) and reason in refused.reason


def test_jpeg_frames_need_a_response(aides):
    for number, frame in enumerate(aides.frames):
        (aides.folder / f"im{number}.bmp").unlink()
        aides.write(f"im{number}.jpg", frame)
    assert "name the camera's response (such as `srgb`) in a rig file" in aides.run().reason
    write_rig(aides.folder / "rig.yaml", Rig())
    assert "im0.jpg: a JPEG, whose values are not linear" in aides.run().reason
    write_rig(aides.folder / "rig.yaml", Rig(camera=Camera(response="srgb")))
    found = aides.run()
    assert np.array_equal(found.lights, replace(found, rig=None).lights) and len(found.lights) == 4
    assert found.pixels().saturated is not None


def timed(folder: Path, name: str, image: np.ndarray, milliseconds: int | None) -> None:
    tags = {} if milliseconds is None else {"exif": b"Exif\0\0" + exposed((milliseconds, 1000))}
    write(folder / name, saved(image, "PNG", **tags))


def test_ambient_light_is_compared_at_one_exposure(aides):
    """A long look into the dark may be brighter than a short one at the face."""
    for number, frame in enumerate(capture_frames()):
        (aides.folder / f"im{number}.bmp").unlink()
        timed(aides.folder, f"im{number}.png", frame, 10)
    timed(aides.folder, "ambient.png", grey(130), 20)
    assert "ambient.png: brighter than a frame" in aides.run().reason
    timed(aides.folder, "ambient.png", grey(130), 500)
    found = aides.run()
    wanted = np.maximum(np.float32(aides.frames) / 255 - 130 / 255 / 50, 0)
    np.testing.assert_allclose(found.pixels().grey, wanted, atol=1e-6)
    timed(aides.folder, "ambient.png", grey(1), None)
    timed(aides.folder, "im1.png", capture_frames()[1], 20)
    assert "ambient.png: no exposure time in its header" in aides.run().reason


def test_float_frames_up_to_the_camera_s_white(aides):
    for number, frame in enumerate(aides.frames):
        (aides.folder / f"im{number}.bmp").unlink()
        write(aides.folder / f"im{number}.exr", exr({"Y": frame / np.float32(40)}))
    assert "im0.exr: values up to" in aides.run().reason
    write_rig(aides.folder / "rig.yaml", Rig(camera=Camera(white=8.0)))
    np.testing.assert_allclose(
        aides.run().pixels().grey, np.float32(aides.frames) / 320, rtol=1e-5, atol=1e-7
    )
