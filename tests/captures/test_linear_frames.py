"""Linear light against the same sums done pixel by pixel."""

import cv2
import numpy as np
import pytest

from psface.captures.capture import Capture
from psface.captures.linear_frames import linear_frames
from psface.errors import UserError
from psface.rig.rig import Camera, Lamp, Rig
from tests.shapes import FOUR_LIGHTS
from tests.written_pictures import exposed, exr, saved, write

SHAPE = (5, 6)
INTENSITIES = ((1.0, 2.0, 3.0), (2.0, 2.0, 2.0), (0.5, 1.0, 0.3), (1.0, 1.5, 0.5))
TABLE = (0.0, 0.02, 0.2, 0.5, 1.0)
CURVES = {
    "linear": lambda v: v,
    "srgb": lambda v: v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4,
    "gamma": lambda v: v**1.8,
    "table": lambda v: next(
        TABLE[i] + (4 * v - i) * (TABLE[i + 1] - TABLE[i]) for i in range(4) if 4 * v <= i + 1
    ),
}
RESPONSES = {"linear": "linear", "srgb": "srgb", "gamma": {"gamma": 1.8}, "table": {"table": TABLE}}


def lamps(intensities=INTENSITIES) -> tuple[Lamp, ...]:
    return tuple(
        Lamp(direction=tuple(light), intensity=intensity)
        for light, intensity in zip(FOUR_LIGHTS.tolist(), intensities, strict=True)
    )


def pictures(n: int, seed: int, low: int = 0, high: int = 256, channels: int = 3) -> np.ndarray:
    shape = (n, *SHAPE, 3) if channels == 3 else (n, *SHAPE)
    return np.random.default_rng(seed).integers(low, high, shape, np.uint8)


def expected(images, curve, weights, intensities, dark=None, flats=None, times=None, whole=255):
    """Grey light (n, H, W), by its formula for one pixel of one frame."""
    n = len(images)
    times = times or [1.0] * (n + 1)
    total = sum(weights)

    def light(image, at, channel, time):
        value = image[at] if image.ndim == 2 else image[at][channel]
        return curve(float(value) / whole) / (time / times[0])

    def without_dark(image, at, channel, time):
        room = 0.0 if dark is None else light(dark, at, channel, times[-1])
        return light(image, at, channel, time) - room

    def grey(image, at, time, shares):
        if image.ndim == 2:
            return max(without_dark(image, at, 0, time), 0.0)
        parts = [max(without_dark(image, at, c, time) / shares[c], 0.0) for c in range(3)]
        return sum(w * part for w, part in zip(weights, parts, strict=True)) / total

    out = np.zeros((n, *SHAPE))
    for i, image in enumerate(images):
        shares = [part / (sum(intensities[i]) / 3) for part in intensities[i]]
        for at in np.ndindex(SHAPE):
            out[(i, *at)] = grey(image, at, times[i], shares)
        if flats is not None and flats[i] is not None:
            even = np.zeros(SHAPE)
            for at in np.ndindex(SHAPE):
                even[at] = grey(flats[i], at, times[0], [1, 1, 1])
            out[i] /= np.maximum(even / np.median(even), 1e-3)
    return out


@pytest.mark.parametrize("weights", [(0.0, 1.0, 0.0), (1.0, 1.0, 1.0), (0.2, 0.5, 0.1)], ids=str)
@pytest.mark.parametrize("response", RESPONSES)
def test_every_pixel_is_as_the_formula_says(response, weights):
    camera = Camera(response=RESPONSES[response], channel_weights=weights)
    images, dark = list(pictures(4, 1)), pictures(1, 2, 0, 40)[0]
    flats = list(pictures(4, 3, 120, 250))
    rig = Rig(camera=camera, lamps=lamps())
    times = [1.0, 0.5, 2.0, 1.0, 4.0]
    found, saturated, channels = linear_frames(images, rig, dark, flats, np.array(times))
    wanted = expected(images, CURVES[response], weights, INTENSITIES, dark, flats, times)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert found.dtype == np.float32 and found.min() >= 0
    assert saturated.dtype == bool and saturated.shape == found.shape
    assert [c.shape for c in channels] == [(*SHAPE, 3)] * 4


def test_grey_frames_have_no_channels_to_balance():
    camera = Camera(response="srgb")
    images, dark = list(pictures(4, 1, channels=1)), pictures(1, 2, 0, 40, channels=1)[0]
    found, _, channels = linear_frames(images, Rig(camera=camera, lamps=lamps()), dark)
    wanted = expected(images, CURVES["srgb"], (0, 1, 0), INTENSITIES, dark)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert [c.shape for c in channels] == [(*SHAPE, 1)] * 4


def test_a_lamp_without_a_flat_field_is_left_as_it_is():
    images, flats = list(pictures(4, 1)), [None, *pictures(2, 3, 120, 250), None]
    rig = Rig(lamps=lamps())
    found, _, _ = linear_frames(images, rig, flat_fields=flats)
    wanted = expected(images, CURVES["linear"], (1, 1, 1), INTENSITIES, flats=flats)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_saturation_is_told_of_the_values_as_they_came():
    """Of any channel, and not of the light that is left without the room's."""
    images = [np.full((*SHAPE, 3), 200, np.uint8) for _ in range(4)]
    images[1][2, 3] = (255, 10, 10)
    images[2][1, 1] = (10, 10, 252)
    images[3][0, 0] = (10, 253, 10)
    _, saturated, _ = linear_frames(
        images,
        Rig(lamps=lamps()),
        np.full(SHAPE, 99, np.uint8),
        exposures=np.array([1, 4, 1, 1, 1]),
    )
    assert np.argwhere(saturated).tolist() == [[1, 2, 3], [3, 0, 0]]


class Written:
    """A capture whose frames, with what stands beside them, are files."""

    def __init__(self, folder, rig=None, kind=".png", times=None, channels=3):
        self.images = list(pictures(4, 5, 30, channels=channels))
        self.dark = pictures(1, 6, 0, 30, channels=channels)[0]
        self.folder, self.kind, self.times = folder, kind, times
        frames = tuple(self._write(f"im{n}", image, n) for n, image in enumerate(self.images))
        self.capture = Capture("p", "s", frames, FOUR_LIGHTS, rig=rig)

    def _write(self, stem, image, number):
        tags = {}
        if self.times is not None and self.times[number] is not None:
            tags = {"exif": b"Exif\0\0" + exposed(time=(self.times[number], 1000))}
        kind = {".png": "PNG", ".tif": "TIFF"}[self.kind]
        return str(write(self.folder / f"{stem}{self.kind}", saved(image, kind, **tags)))

    def with_ambient(self) -> Capture:
        name = self._write("ambient", self.dark, 4)
        return Capture(
            "p", "s", self.capture.frames, FOUR_LIGHTS, rig=self.capture.rig, ambient=name
        )


def test_a_capture_with_an_ambient_frame_and_exposures_in_its_files(tmp_path):
    times = (10, 20, 5, 10, 40)
    rig = Rig(camera=Camera(response="srgb"), lamps=lamps())
    made = Written(tmp_path, rig, times=times)
    pixels = made.with_ambient().pixels()
    wanted = expected(
        made.images, CURVES["srgb"], (0, 1, 0), INTENSITIES, made.dark, times=list(times)
    )
    np.testing.assert_allclose(pixels.grey, wanted, rtol=1e-4, atol=1e-5)
    assert pixels.saturated is not None and pixels.rig == rig


def test_an_ambient_frame_of_unknown_exposure_is_refused_if_the_others_differ(tmp_path):
    made = Written(tmp_path, times=(10, 20, 10, 10, None)).with_ambient()
    with pytest.raises(UserError, match=r"ambient\.png: no exposure time in its header") as refused:
        made.pixels()
    assert "\n" not in str(refused.value)


def test_the_rig_s_ambient_frame_is_for_captures_without_their_own(tmp_path):
    made = Written(tmp_path)
    own = made.with_ambient()
    (tmp_path / "rig").mkdir()
    other = pictures(1, 9, 0, 20)[0]
    rig = Rig(ambient=str(write(tmp_path / "rig" / "dark.png", saved(other, "PNG"))))
    for capture, dark in (
        (Capture("p", "s", own.frames, FOUR_LIGHTS, rig=rig), other),
        (Capture("p", "s", own.frames, FOUR_LIGHTS, rig=rig, ambient=own.ambient), made.dark),
    ):
        wanted = expected(made.images, CURVES["linear"], (1, 1, 1), [(1, 1, 1)] * 4, dark)
        np.testing.assert_allclose(capture.pixels().grey, wanted, rtol=1e-4, atol=1e-5)


def test_flat_fields_of_some_lamps_belong_to_their_frames(tmp_path):
    flat = pictures(1, 7, 100, 250)[0]
    name = str(write(tmp_path / "flat.png", saved(flat, "PNG")))
    chosen = [
        lamp.model_copy(update={"flat_field": name * (i == 2)}) for i, lamp in enumerate(lamps())
    ]
    made = Written(tmp_path, Rig(lamps=tuple(chosen)))
    flats = [None, None, flat, None]
    wanted = expected(made.images, CURVES["linear"], (1, 1, 1), INTENSITIES, flats=flats)
    np.testing.assert_allclose(made.capture.pixels().grey, wanted, rtol=1e-4, atol=1e-5)


def test_float_frames_are_relative_to_the_camera_s_white(tmp_path):
    rng = np.random.default_rng(0)
    light = rng.uniform(0, 60000, (4, *SHAPE)).astype(np.float32)
    light[1, 2, 3] = 60000
    frames = tuple(
        str(write(tmp_path / f"{n}.exr", exr({"Y": plane}))) for n, plane in enumerate(light)
    )
    rig = Rig(camera=Camera(white=60000.0, response={"gamma": 2.0}), lamps=lamps())
    pixels = Capture("p", "s", frames, FOUR_LIGHTS, rig=rig).pixels()
    np.testing.assert_allclose(pixels.grey, (light / 60000.0) ** 2, rtol=1e-5, atol=1e-7)
    assert pixels.saturated[1, 2, 3] and pixels.saturated.sum() == (light >= 0.99 * 60000).sum()


@pytest.mark.parametrize(
    "rig", [None, Rig(lamps=lamps([1.0, 2.0, 3.0, 4.0]))], ids=["none", "plain"]
)
def test_frames_in_which_nothing_is_to_undo_are_the_same_bytes(rig, tmp_path):
    made = Written(tmp_path, rig, channels=1)
    pixels = made.capture.pixels()
    wanted = np.stack(made.images).astype(np.float32) * np.float32(1 / 255)
    assert pixels.saturated is None and np.array_equal(pixels.grey, wanted)
    cv2.imwrite(str(tmp_path / "mask.png"), np.uint8([[0, 255, 0, 200, 0, 100]] * 5))
    masked = Capture("p", "s", made.capture.frames, FOUR_LIGHTS, mask=str(tmp_path / "mask.png"))
    assert masked.pixels().mask.tolist() == [[False, True, False, True, False, False]] * 5


def test_linear_channels_of_all_frames(tmp_path):
    rig = Rig(camera=Camera(response="srgb"), lamps=lamps())
    made = Written(tmp_path, rig)
    planes = made.with_ambient().pixels(colours=True).colours
    assert planes.shape == (4, 3, *SHAPE)
    for channel, weights in enumerate(np.eye(3).tolist()):
        wanted = expected(made.images, CURVES["srgb"], weights, INTENSITIES, made.dark)
        np.testing.assert_allclose(planes[:, channel], wanted, rtol=1e-4, atol=1e-5)
    grey = Written(tmp_path, channels=1).capture
    with pytest.raises(UserError, match=r"im0\.png: frames in grey have no colour_albedo"):
        grey.pixels(colours=True)
