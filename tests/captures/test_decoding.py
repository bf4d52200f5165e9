"""What the tags and headers of picture files say, against what comes out."""

import io

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from psface.captures.decoding import decode
from psface.captures.images import grey, read_frame
from psface.errors import UserError

RNG = np.random.default_rng(0)
LEVELS = cv2.GaussianBlur(RNG.random((40, 30)), (0, 0), 3)
LEVELS = (LEVELS - LEVELS.min()) / np.ptp(LEVELS)  # 0 to 1
EIGHT = (LEVELS * 255).round().astype(np.uint8)
RGB = np.repeat(EIGHT[..., None], 3, axis=2)


def bits(count: int) -> np.ndarray:
    return (LEVELS * (2**count - 1)).round().astype(np.uint16)


def tiff(image: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, image, **options)
    return file.getvalue()


def pgm(image: np.ndarray, white: int) -> bytes:
    image = image.astype(">u2") if white > 255 else image.astype(np.uint8)
    return (
        f"P5\n# a comment\n{image.shape[1]} {image.shape[0]}\n{white}\n".encode() + image.tobytes()
    )


def png(image: np.ndarray, stated: int | None = None) -> bytes:
    data = cv2.imencode(".png", image)[1].tobytes()
    if stated is None:
        return data
    chunk = b"sBIT" + bytes([stated])
    # After IHDR, which is 25 bytes long behind 8 of signature; its check sum is not looked at.
    return data[:33] + (1).to_bytes(4, "big") + chunk + b"\0\0\0\0" + data[33:]


def with_alpha(kind: str, alpha: int) -> bytes:
    colours = (RGB * (alpha / 255)).astype(np.uint8) if kind == "assocalpha" else RGB
    image = np.dstack([colours, np.full_like(EIGHT, alpha)])
    return tiff(image, photometric="rgb", extrasamples=[kind])


READ = {
    "TIFF": tiff(EIGHT),
    "TIFF, white is zero": tiff(255 - EIGHT, photometric="miniswhite"),
    "TIFF, 16 bits, white is zero": tiff(65535 - bits(16), photometric="miniswhite"),
    "TIFF, a plane per channel": tiff(
        np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate"
    ),
    "TIFF, LZW": tiff(EIGHT, compression="lzw"),
    "TIFF, tiles and predictor": tiff(bits(16), compression="zlib", predictor=True, tile=(16, 16)),
    "TIFF, alpha beside": with_alpha("unassalpha", 100),
    "TIFF, alpha that covers nothing": with_alpha("assocalpha", 255),
    "TIFF, palette": tiff(
        EIGHT, photometric="palette", colormap=np.tile(np.arange(256) * 257, (3, 1)).astype("u2")
    ),
    "TIFF, a thumbnail behind it": None,
    "TIFF, states 12 bits": tiff(bits(12), extratags=[(281, "H", 1, 4095, True)]),
    "PGM of 255": pgm(EIGHT, 255),
    "PGM of 127": pgm((LEVELS * 127).round(), 127),
    "PGM of 1023": pgm(bits(10), 1023),
    "PGM of 4095": pgm(bits(12), 4095),
    "PGM of 65535": pgm(bits(16), 65535),
    "PGM in letters": b"P2\n30 40\n255\n" + " ".join(map(str, EIGHT.ravel())).encode(),
    "PPM of 1023": b"P6\n30 40\n1023\n"
    + np.repeat(bits(10)[..., None], 3, 2).astype(">u2").tobytes(),
    "PNG": png(EIGHT),
    "PNG, 16 bits": png(bits(16)),
    "PNG, 16 bits of which 8": png(EIGHT.astype(np.uint16) * 257),
    "PNG, 12 bits to the left": png(bits(12) << 4),
    "PNG, states 12 bits, to the right": png(bits(12), 12),
    "PNG, states 12 bits, to the left": png(bits(12) << 4, 12),
    "GIF": None,
}


def saved(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def thumbnailed() -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(EIGHT)
        writer.write(EIGHT[::4, ::4], subfiletype=1)
    return file.getvalue()


READ["TIFF, a thumbnail behind it"] = thumbnailed()
READ["GIF"] = saved(Image.fromarray(EIGHT), "GIF")


@pytest.mark.parametrize("name", READ)
def test_levels_are_what_was_written(name, tmp_path):
    step = 127 if "127" in name else 255 if "10" not in name and "12" not in name else 1000
    assert grey(decode(READ[name], tmp_path)) == pytest.approx(LEVELS, abs=0.6 / step)


def test_bits_on_paper(tmp_path):
    black = EIGHT < 120
    rows = b"P4\n30 40\n" + np.packbits(black, axis=1).tobytes()
    letters = b"P1\n30 40\n" + b" ".join(b"1" if b else b"0" for b in black.ravel())
    for data in (rows, letters):
        assert np.array_equal(grey(decode(data, tmp_path)), 1.0 - black)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_is_turned_as_a_viewer_turns_it(orientation, tmp_path):
    marked = EIGHT // 2
    marked[:9, :5] = 255  # top left
    stored = Image.fromarray(marked)
    turned = decode(tiff(marked, extratags=[(274, "H", 1, orientation, True)]), tmp_path)
    exif = Image.Exif()
    exif[274] = orientation
    jpeg = decode(saved(stored, "JPEG", exif=exif, quality=98), tmp_path)
    assert turned.shape == jpeg.shape
    assert np.abs(turned.astype(int) - jpeg).max() < 30


REFUSED = {
    "two pages": (tiff(np.stack([EIGHT, EIGHT]), photometric="minisblack"), "2 pages"),
    "complex": (tiff(LEVELS.astype(np.complex64)), "complex64 pixels"),
    "very many channels": (
        tiff(np.zeros((4, 4, 300), np.uint8), photometric="minisblack", planarconfig="contig"),
        "300 channels",
    ),
    "signed": (tiff(EIGHT.astype(np.int16)), "int16 pixels"),
    "32 bits": (tiff(EIGHT.astype(np.uint32)), "uint32 pixels"),
    "CMYK": (tiff(np.dstack([RGB, EIGHT]), photometric="separated"), "colour space SEPARATED"),
    "alpha multiplied in": (with_alpha("assocalpha", 100), "colours premultiplied by alpha"),
    "two PGM": (pgm(EIGHT, 255) * 2, "more than one picture"),
    "over its maximum": (pgm(EIGHT, 100), "a value over its stated maximum of 100"),
    "12 bits in a TIFF": (tiff(bits(12)), "values up to 4095, as from a 12-bit camera; set bits"),
    "10 bits in a PNG": (png(bits(10)), "values up to 1023, as from a 10-bit camera"),
    "14 bits in a PGM of 65535": (pgm(bits(14), 65535), "as from a 14-bit camera"),
    "a GIF that plays": (
        saved(Image.fromarray(EIGHT), "GIF", save_all=True,
              append_images=[Image.fromarray(EIGHT[::-1])]),
        "2 pictures in one file",
    ),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "HEIC, which cannot be read; save it as"),
    "a page": (b"<!DOCTYPE html><p>404", "a web page"),
    "cut TIFF": (tiff(EIGHT)[:700], "truncated"),
    "cut PGM": (pgm(EIGHT, 255)[:-9], "truncated"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_be_read_in_two_ways_is_refused(name, tmp_path):
    data, said = REFUSED[name]
    with pytest.raises(UserError, match=said) as error:
        decode(data, tmp_path / "im0.x")
    assert "im0.x: " in str(error.value) and "\n" not in str(error.value)


def test_bits_that_the_user_states(tmp_path):
    path = tmp_path / "im0.png"
    path.write_bytes(png(bits(12)))
    assert read_frame(path, 12) == pytest.approx(LEVELS, abs=0.6 / 4095)
    assert read_frame(path, 16) == pytest.approx(LEVELS / 16, abs=1e-4)
    with pytest.raises(UserError, match="a value of 4095, over the 1023 of 10 bits"):
        read_frame(path, 10)


@pytest.mark.parametrize("height", [40, -40], ids=["rows upwards", "rows downwards"])
def test_a_bmp_of_too_many_pixels_is_refused_by_its_header(height, tmp_path):
    data = bytearray(cv2.imencode(".bmp", EIGHT)[1].tobytes())
    data[22:26] = height.to_bytes(4, "little", signed=True)
    assert decode(bytes(data), tmp_path / "im0.bmp", max_pixels=1200).shape == EIGHT.shape
    for broken in (data, data[:100]):
        with pytest.raises(UserError, match="30 x 40 pixels, more than 1199"):
            decode(bytes(broken), tmp_path / "im0.bmp", max_pixels=1199)
    with pytest.raises(UserError, match="truncated or not an image"):
        decode(bytes(data[:25]), tmp_path / "im0.bmp")
