import cv2
import numpy as np
import pytest

from psface.captures.images import grey, read_frame, to_uint8
from psface.errors import UserError

FRAME_SUFFIXES = (".bmp", ".png", ".pgm", ".ppm", ".tif", ".tiff")
GREY = np.arange(24 * 32, dtype=np.uint8).reshape(24, 32)
COLOUR = np.stack([GREY, 255 - GREY, np.full_like(GREY, 60)], axis=-1)
SIXTEEN = (".png", ".pgm", ".tif", ".tiff")


@pytest.mark.parametrize("suffix", [s for s in FRAME_SUFFIXES if s != ".ppm"])
def test_grey_reads_the_same_from_every_format(tmp_path, suffix):
    path = tmp_path / f"frame{suffix}"
    cv2.imwrite(str(path), GREY)
    frame = read_frame(path)
    assert frame.dtype == np.float32
    np.testing.assert_allclose(frame, GREY / 255, atol=1e-6)


@pytest.mark.parametrize("suffix", [s for s in FRAME_SUFFIXES if s != ".pgm"])
def test_colour_is_averaged_in_every_format(tmp_path, suffix):
    path = tmp_path / f"frame{suffix}"
    cv2.imwrite(str(path), COLOUR)
    np.testing.assert_allclose(read_frame(path), (255 + 60) / 3 / 255, atol=1e-6)


@pytest.mark.parametrize("suffix", SIXTEEN)
def test_sixteen_bits_keep_their_steps(tmp_path, suffix):
    path = tmp_path / f"frame{suffix}"
    levels = (GREY.astype(np.uint16) * 256) + 3
    cv2.imwrite(str(path), levels)
    np.testing.assert_allclose(read_frame(path), levels / 65535, atol=1e-6)


def test_sixteen_bit_colour(tmp_path):
    cv2.imwrite(str(tmp_path / "frame.png"), COLOUR.astype(np.uint16) * 257)
    np.testing.assert_allclose(read_frame(tmp_path / "frame.png"), 315 / 765, atol=1e-6)


def test_an_alpha_channel_is_no_light(tmp_path):
    image = np.dstack([COLOUR, np.full_like(GREY, 128)])
    cv2.imwrite(str(tmp_path / "frame.png"), image)
    np.testing.assert_allclose(read_frame(tmp_path / "frame.png"), 315 / 765, atol=1e-6)


@pytest.mark.parametrize("suffix", FRAME_SUFFIXES)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, suffix, share):
    path = tmp_path / f"im2{suffix}"
    shape = (60, 80) if suffix == ".pgm" else (60, 80, 3)
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, shape, np.uint8))
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(UserError, match=rf"im2\{suffix}: truncated or not an image"):
        read_frame(path)


@pytest.mark.parametrize("data", [b"", b"\0", b"This is a note, not a photograph.\n" * 20])
def test_what_is_no_image_is_refused(tmp_path, data):
    path = tmp_path / "im1.bmp"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"im1\.bmp: truncated or not an image; copy it again"):
        read_frame(path)


def test_other_bit_depths_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "im1.tiff"), GREY.astype(np.int32))
    with pytest.raises(UserError, match=r"im1\.tiff: int32 pixels; save it with 8 or 16 bits, or"):
        read_frame(tmp_path / "im1.tiff")


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(UserError, match=r"im3\.bmp: No such file"):
        read_frame(tmp_path / "im3.bmp")
    with pytest.raises(UserError, match="Is a directory"):
        read_frame(tmp_path)


def test_grey_is_the_mean_of_the_channels_to_the_last_bit():
    rng = np.random.default_rng(0)
    for kind, white in ((np.uint8, 255), (np.uint16, 65535)):
        image = rng.integers(0, white + 1, (50, 40, 3)).astype(kind)
        mean = image.mean(axis=-1, dtype=np.float32) * np.float32(1 / white)
        assert np.array_equal(grey(image), mean) and grey(image).dtype == np.float32


def test_to_uint8_rounds_and_clips():
    image = np.array([-1, 0, 0.4999 / 255, 0.5001 / 255, 1, 2])
    assert to_uint8(image).tolist() == [0, 0, 0, 1, 255, 255]
