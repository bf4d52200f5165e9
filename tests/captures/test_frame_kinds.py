"""Captures whose frames are of any kind: what stereo gets is the same."""

import cv2
import numpy as np
import pytest

from psface.captures.capture import Capture, Refusal, picture
from psface.captures.checks import check_capture
from psface.captures.discovery import read_capture_at
from psface.captures.layouts.identity_folders import read_folders
from psface.captures.limits import CaptureLimits
from psface.captures.media import Picture, read_media
from tests.shapes import FOUR_LIGHTS
from tests.written_captures import capture_frames, write_capture
from tests.written_pictures import dng, exr, mosaic, tiff, write

LIMITS = CaptureLimits(max_condition=60, max_saturated=0.1, min_brightness=0.01)
FRAMES = cv2.GaussianBlur(capture_frames()[0], (0, 0), 1.0)  # one, for pictures
STEP = 1 / 255


def stored(kind: str, frame: np.ndarray, **tags) -> bytes:
    """A frame of 8 bits in another kind of file."""
    light = (frame / 255).astype(np.float32)
    if kind == ".exr":
        return exr({"Y": light.astype(np.float16)}, **tags)
    if kind == ".tif":
        return tiff(light)
    if kind == ".png":
        return cv2.imencode(".png", frame.astype(np.uint16) * 257)[1].tobytes()
    samples = np.repeat((light * 3500)[..., None], 3, axis=2).astype(np.uint16)
    return dng(mosaic(samples) + np.uint16(500), black=500, white=4000)


def capture(folder, kind: str, times: tuple[float, ...] = ()) -> Capture:
    names = []
    for number, frame in enumerate(capture_frames()):
        tags = {"expTime": times[number], "isoSpeed": 100.0} if times else {}
        names.append(str(write(folder / f"im{number}{kind}", stored(kind, frame, **tags))))
    return Capture("p", "s", tuple(names), FOUR_LIGHTS)


@pytest.mark.parametrize("kind", [".exr", ".tif", ".png", ".dng"])
def test_frames_of_every_kind_give_the_same_light(kind, tmp_path):
    checked = check_capture(capture(tmp_path, kind), LIMITS)
    assert isinstance(checked, Capture), checked
    difference = np.abs(checked.pixels().grey - capture_frames() / np.float32(255))
    if kind == ".dng":  # edges between the samples of a colour are interpolated
        assert np.median(difference) < 0.5 * STEP
    else:
        assert difference.max() < 0.3 * STEP


def test_a_folder_in_the_layout_of_photoface(tmp_path):
    folder = write_capture(tmp_path / "person" / "session")
    for number in range(4):
        frame = folder / f"im{number}.bmp"
        write(folder / f"im{number}.EXR", stored(".exr", cv2.imread(str(frame), 0)))
        frame.unlink()
    read = read_capture_at(folder)
    assert [name[-7:] for name in read.frames] == [f"im{n}.EXR" for n in range(4)]


def test_one_frame_that_is_no_light(tmp_path):
    made = capture(tmp_path, ".exr")
    plane = (capture_frames()[2] / 255).astype(np.float32)
    plane[3, 4] = np.nan
    write(tmp_path / "im2.exr", exr({"Y": plane}))
    refused = check_capture(made, LIMITS)
    assert isinstance(refused, Refusal)
    assert f"{tmp_path}/im2.exr: not a number at column 4, row 3" in refused.reason


def test_exposures_in_the_files_are_used(tmp_path):
    times = (0.1, 0.1, 0.05, 0.1)
    plain, stated = capture(tmp_path, ".exr").pixels(), capture(tmp_path, ".exr", times).pixels()
    ratio = stated.grey.sum(axis=(1, 2)) / plain.grey.sum(axis=(1, 2))
    assert ratio / ratio[0] == pytest.approx([1, 1, 2, 1], rel=1e-3)


@pytest.mark.parametrize("kind", [".exr", ".tif", ".dng"])
def test_pictures_of_every_kind(kind, tmp_path):
    (tmp_path / "anna").mkdir()
    path = write(tmp_path / "anna" / f"a{kind}", stored(kind, FRAMES))
    [found] = read_folders(tmp_path, None, 0)
    checked = check_capture(found, LIMITS)
    assert isinstance(checked, Capture) and checked.pixels().grey.shape == (1, *FRAMES.shape)
    [found] = read_media(path)
    assert isinstance(found, Picture) and found.image.shape == (*FRAMES.shape, 3)


def test_a_float_picture_over_one_is_named(tmp_path):
    path = write(tmp_path / "a.exr", exr({"Y": FRAMES.astype(np.float32)}))
    refused = check_capture(picture("p", path), LIMITS)
    assert isinstance(refused, Refusal) and "a.exr: values up to" in refused.reason
