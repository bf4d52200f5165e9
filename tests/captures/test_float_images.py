"""Frames of floating-point numbers: float TIFF and OpenEXR."""

import io
import struct
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from psface.captures.decoding import decode
from psface.captures.images import grey, read_frame, rgb
from psface.captures.media import read_picture
from psface.detect.face import rgb8
from psface.errors import UserError
from tests.written_pictures import exr, tiff, window, write

RNG = np.random.default_rng(0)
PLANE = RNG.random((21, 34)).astype(np.float32)
COLOURS = RNG.random((21, 34, 3)).astype(np.float32)
HALF = PLANE.astype(np.float16)
RGBS = {name: COLOURS[..., number] for number, name in enumerate("RGB")}
TILES = OpenEXR.TileDescription()
TILES.xSize = TILES.ySize = 16
MIPS = OpenEXR.TileDescription()
MIPS.mode = OpenEXR.MIPMAP_LEVELS
PATH = Path("im0.x")

GREY = {
    "TIFF of 32 bits": (tiff(PLANE), PLANE),
    "TIFF of 64 bits": (tiff(PLANE.astype(np.float64)), PLANE),
    "TIFF of 16 bits": (tiff(HALF), HALF),
    "TIFF, LZW and predictor": (tiff(PLANE, compression="lzw", predictor=True), PLANE),
    "TIFF, tiles, big-endian": (tiff(PLANE, tile=(16, 16), byteorder=">"), PLANE),
    "EXR, half": (exr({"Y": HALF}), HALF),
    "EXR, float": (exr({"Y": PLANE}), PLANE),
    "EXR, tiles": (exr({"Y": PLANE}, type=OpenEXR.tiledimage, tiles=TILES), PLANE),
    "EXR, uncompressed": (exr({"Y": PLANE}, compression=OpenEXR.NO_COMPRESSION), PLANE),
    "EXR, PIZ": (exr({"Y": PLANE}, compression=OpenEXR.PIZ_COMPRESSION), PLANE),
    "EXR, a window elsewhere": (
        exr({"Y": PLANE}, dataWindow=window(5, -7, 34, 21), displayWindow=window(5, -7, 34, 21)),
        PLANE,
    ),
}


@pytest.mark.parametrize("name", GREY)
def test_values_are_as_in_the_file(name):
    data, values = GREY[name]
    image = decode(data, PATH)
    assert image.dtype == np.float32 and np.array_equal(image, values.astype(np.float32))
    assert np.array_equal(grey(image), image)


@pytest.mark.parametrize(
    "data",
    [
        tiff(COLOURS, photometric="rgb"),
        tiff(np.moveaxis(COLOURS, -1, 0), photometric="rgb", planarconfig="separate"),
        tiff(np.dstack([COLOURS, PLANE]), photometric="rgb", extrasamples=["unassalpha"]),
        exr(RGBS),
        exr({**RGBS, "A": np.ones_like(PLANE)}),
    ],
    ids=["TIFF", "TIFF, planes", "TIFF, alpha beside", "EXR", "EXR, opaque"],
)
def test_colours_are_in_order(data):
    image = decode(data, PATH)
    assert np.array_equal(image, COLOURS) and np.array_equal(rgb(image), COLOURS)
    assert grey(image) == pytest.approx(COLOURS.mean(axis=-1), abs=1e-6)


def test_an_exr_of_one_part_in_the_form_for_several():
    file = io.BytesIO()
    with OpenEXR.File([OpenEXR.Part({"type": OpenEXR.scanlineimage}, {"Y": PLANE}, "a")]) as out:
        out.write(file)
    assert np.array_equal(decode(file.getvalue(), PATH), PLANE)


def test_the_rig_says_what_white_is(tmp_path):
    path = write(tmp_path / "im0.exr", exr({"Y": PLANE * 4095}))
    assert read_frame(path, white=4095) == pytest.approx(PLANE, abs=1e-6)
    colour = decode(tiff(COLOURS * 4095, photometric="rgb"), path, white=4095)
    assert rgb(colour, 4095) == pytest.approx(COLOURS, abs=1e-6)
    assert grey(colour, 4095) == pytest.approx(COLOURS.mean(axis=-1), abs=1e-6)
    with pytest.raises(
        UserError, match=r"im0\.exr: values up to 4\d+.*over the 1 .* camera\.white"
    ):
        read_frame(path)
    with pytest.raises(UserError, match=r"over the 2000 of a saturated pixel; set camera\.white"):
        read_frame(path, white=2000)


def test_pictures_are_read_alike(tmp_path):
    image = read_picture(write(tmp_path / "a.exr", exr({"Y": PLANE})))
    assert image.shape == (*PLANE.shape, 3) and rgb8(image).dtype == np.uint8


def test_black_is_allowed_and_rounding_below_it():
    assert not decode(exr({"Y": PLANE * 0}), PATH).any()
    image = decode(exr({"Y": changed(-1e-7)}), PATH)
    assert image[5, 3] == 0 and image.max() == PLANE.max()


def changed(value: float, image: np.ndarray = PLANE) -> np.ndarray:
    out = image.copy()
    out[5, 3] = value
    return out


def two_parts() -> bytes:
    file = io.BytesIO()
    parts = [OpenEXR.Part({"type": OpenEXR.scanlineimage}, {"Y": PLANE}, n) for n in "ab"]
    with OpenEXR.File(parts) as out:
        out.write(file)
    return file.getvalue()


def stated_size(width: int, height: int) -> bytes:
    """An EXR that says it is larger."""
    data = bytearray(exr({"Y": PLANE}))
    for name in (b"dataWindow\0box2i\0", b"displayWindow\0box2i\0"):
        at = data.index(name) + len(name) + 4
        data[at : at + 16] = struct.pack("<4i", 0, 0, width - 1, height - 1)
    return bytes(data)


def deep() -> bytes:
    data = bytearray(exr({"Y": PLANE}))
    data[5] |= 8
    return bytes(data)


WHOLE = exr({"Y": PLANE})
REFUSED = {
    "NaN": (exr({"Y": changed(np.nan)}), "not a number at column 3, row 5 .*replace"),
    "NaN in a TIFF": (tiff(changed(np.nan, COLOURS), photometric="rgb"), "not a number at"),
    "infinite": (exr({"Y": changed(np.inf)}), "infinite at column 3, row 5"),
    "over 32 bits": (tiff(changed(1e300, PLANE.astype(float))), "infinite at column 3, row 5"),
    "negative": (exr({"Y": changed(-0.01)}), "values down to -0.01, .*clip it at 0"),
    "over white": (tiff(changed(1.5)), "values up to 1.5, over the 1 .*camera.white"),
    "depth": (exr({"Z": PLANE}), "channels Z; save it with R, G and B, or with Y alone"),
    "a layer": (exr({"left.Y": PLANE}), "channels left.Y;"),
    "our maps": (exr({f"normal.{a}": HALF for a in "xyz"}), "channels normal.x, normal.y,"),
    "two colours": (exr({"R": PLANE, "G": PLANE}), "channels G, R;"),
    "whole numbers": (exr({"Y": PLANE.astype(np.uint32)}), "channels of whole numbers"),
    "alpha": (exr({"Y": PLANE, "A": PLANE}), "premultiplied by alpha"),
    "cropped": (exr({"Y": PLANE}, displayWindow=window(0, 0, 90, 80)), "data window is not its"),
    "two parts": (two_parts(), "several parts in one file"),
    "deep": (deep(), "deep data"),
    "several sizes": (exr({"Y": PLANE}, type=OpenEXR.tiledimage, tiles=MIPS), "several resol"),
    "very large": (stated_size(100_000, 100_000), "100000 x 100000 pixels, more than 150000000"),
    "larger than its bytes": (stated_size(12_000, 12_000), "truncated or not an image"),
    "no pixels": (stated_size(0, 5), "truncated or not an image"),
    "float, white is zero": (tiff(PLANE, photometric="miniswhite"), "float in colour space MINIS"),
    "cut TIFF": (tiff(PLANE)[:900], "truncated"),
    **{f"cut at {n}": (WHOLE[:n], "truncated") for n in (3, 4, 9, 60, 300, 500, len(WHOLE) - 1)},
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_light_is_refused_in_one_line(name, tmp_path, capfd):
    data, said = REFUSED[name]
    with pytest.raises(UserError, match=said) as error:
        decode(data, tmp_path / "im0.x")
    assert str(error.value).startswith(f"{tmp_path / 'im0.x'}: ") and "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")  # the libraries' own complaints


def test_a_large_picture_is_refused_by_its_header(tmp_path):
    with pytest.raises(UserError, match="34 x 21 pixels, more than 713"):
        decode(WHOLE, PATH, max_pixels=713)
    assert decode(WHOLE, PATH, max_pixels=714).shape == PLANE.shape
