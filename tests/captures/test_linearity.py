"""Files whose values cannot be as the camera's response says."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile

from psface.captures.capture import Capture, Refusal
from psface.captures.checks import check_capture
from psface.captures.limits import CaptureLimits
from psface.captures.linearity import check_linear, processed
from psface.errors import UserError
from psface.rig.rig import Camera, Rig
from tests.shapes import FOUR_LIGHTS
from tests.written_captures import capture_frames
from tests.written_pictures import dng, exr, mosaic, saved, write

LIMITS = CaptureLimits(max_condition=60, max_saturated=0.1, min_brightness=0.01)
RGB = np.repeat(capture_frames()[0][..., None], 3, axis=2)


def tiff(**options) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, RGB, photometric="rgb", **options)
    return file.getvalue()


def extended_webp(data: bytes) -> bytes:
    """With a header of canvas and flags, and colours to skip, before the picture."""
    extra = b"VP8X" + (10).to_bytes(4, "little") + bytes(10) + b"ICCP" + b"\3\0\0\0abc\0"
    body = b"WEBP" + extra + data[12:]
    return b"RIFF" + len(body).to_bytes(4, "little") + body


MADE_FOR_VIEWING = {
    "a.jpg": saved(RGB, "JPEG"),
    "a.gif": saved(RGB[..., 0], "GIF"),
    "a.webp": saved(RGB, "WEBP", quality=90),
    "b.webp": extended_webp(saved(RGB, "WEBP", quality=90)),
    "a.avif": saved(RGB, "AVIF"),
    "a.tif": tiff(compression="jpeg"),
}
MAYBE_LINEAR = {
    "a.png": saved(RGB, "PNG"),
    "a.bmp": saved(RGB, "BMP"),
    "a.tif": tiff(compression="zlib"),
    "a.webp": saved(RGB, "WEBP", lossless=True),
}
LINEAR = {
    "a.exr": exr({"Y": (RGB[..., 0] / 255).astype(np.float32)}),
    "a.dng": dng(mosaic(np.uint16(RGB) * 10 + np.uint16(500)), black=500, white=4000),
}


@pytest.mark.parametrize("name", MADE_FOR_VIEWING)
def test_formats_for_viewing_need_a_response(name):
    data = MADE_FOR_VIEWING[name]
    with pytest.raises(UserError, match=f"^{name}: an? .*not linear in the light.*there$"):
        check_linear(data, Path(name), "linear", "there")
    check_linear(data, Path(name), "srgb", "there")


@pytest.mark.parametrize("name", MAYBE_LINEAR)
def test_what_may_be_linear_is_as_the_user_says(name):
    for response in ("linear", "srgb"):
        check_linear(MAYBE_LINEAR[name], Path(name), response, "there")


@pytest.mark.parametrize("name", LINEAR)
def test_what_is_linear_by_its_format_has_no_other_response(name):
    check_linear(LINEAR[name], Path(name), "linear", "there")
    with pytest.raises(
        UserError, match=f"^{name}: an? .*set the camera's response to linear there"
    ):
        check_linear(LINEAR[name], Path(name), "srgb", "there")


def test_a_camera_raw_is_no_tiff_though_its_thumbnail_is_a_jpeg():
    preview = MADE_FOR_VIEWING["a.tif"]
    check_linear(preview, Path("a.nef"), "linear", "there")
    with pytest.raises(UserError, match=r"a\.nef: a camera RAW"):
        check_linear(preview, Path("a.nef"), "srgb", "there")


def test_no_damage_to_a_file_raises():
    rng = np.random.default_rng(0)
    for data in (*MADE_FOR_VIEWING.values(), *MAYBE_LINEAR.values()):
        for _ in range(20):
            cut = bytearray(data[: rng.integers(len(data))])
            for at in rng.integers(0, max(len(cut), 1), 3):
                cut[at : at + 1] = bytes([rng.integers(256)])
            assert isinstance(processed(bytes(cut)), str)


def checked(folder: Path, kind: str, **options) -> Capture | Refusal:
    frames = [
        str(write(folder / f"im{n}.{kind}", saved(f, kind, **options)))
        for n, f in enumerate(capture_frames())
    ]
    return check_capture(Capture("p", "s", tuple(frames), FOUR_LIGHTS), LIMITS)


@pytest.mark.parametrize("kind", ["webp", "gif", "avif"])
def test_captures_of_such_frames_are_refused(kind, tmp_path):
    refused = checked(tmp_path, kind)
    assert isinstance(refused, Refusal) and f"im0.{kind}: a" in refused.reason
    assert "in a rig file (ingest.rig)" in refused.reason
    assert isinstance(checked(tmp_path, "webp", lossless=True), Capture)


def test_a_clipped_channel_is_seen_though_the_mean_is_not(tmp_path):
    frames = np.repeat(capture_frames()[..., None], 3, axis=3) // 2
    names = [str(write(tmp_path / f"im{n}.png", saved(f, "PNG"))) for n, f in enumerate(frames)]
    capture = Capture("p", "s", tuple(names), FOUR_LIGHTS)
    assert isinstance(check_capture(capture, LIMITS), Capture)
    frames[2, :20, :, 0] = 255
    write(tmp_path / "im2.png", saved(frames[2], "PNG"))
    refused = check_capture(capture, LIMITS)
    assert isinstance(refused, Refusal)
    assert "im2.png: 31% is saturated in a channel, at most 10%; lower the exp" in refused.reason
    srgb = Rig(camera=Camera(response="srgb"))
    refused = check_capture(Capture("p", "s", tuple(names), FOUR_LIGHTS, rig=srgb), LIMITS)
    assert isinstance(refused, Refusal) and "saturated in a channel" in refused.reason
