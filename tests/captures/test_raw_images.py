"""Camera RAW: samples in, light out."""

import sys
from pathlib import Path

import numpy as np
import pytest

from psface.captures.decoding import decode
from psface.captures.images import grey
from psface.captures.raw_images import is_raw, read_raw
from psface.errors import UserError
from tests.written_pictures import dng, mosaic, saved, tiff

pytest.importorskip("rawpy")

BLACK, WHITE = 512, 4095
PATH = Path("im0.dng")
Y, X = np.mgrid[:96, :128]
LIGHT = np.stack([7 * X, 20 * X, 11 * X + 3 * Y], axis=-1).astype(np.uint16)  # over the black level
RAMPS = mosaic(LIGHT) + BLACK
INSIDE = np.s_[2:-2, 2:-2]  # at the border, linear interpolation has neighbours on one side only
COUNTS = 3  # of 65535: LibRaw truncates twice


def expected(light: np.ndarray, white: int = WHITE) -> np.ndarray:
    return light * (65535 / (white - BLACK))


def test_values_are_proportional_to_light():
    image = decode(dng(RAMPS), PATH)
    assert image.dtype == np.uint16 and image.shape == LIGHT.shape
    assert np.abs(image - expected(LIGHT))[INSIDE].max() < COUNTS
    assert grey(image)[INSIDE] == pytest.approx(
        (LIGHT.mean(axis=-1) / (WHITE - BLACK))[INSIDE], abs=1e-4
    )


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_no_brightening_of_dark_pictures(share):
    dark = (LIGHT * share).astype(np.uint16)
    image = decode(dng(mosaic(dark) + BLACK), PATH)
    assert np.abs(image - expected(dark))[INSIDE].max() < COUNTS + 65535 / (WHITE - BLACK)


def test_black_and_white_levels():
    samples = np.full((96, 128), BLACK, np.uint16)
    samples[:, :40], samples[:, 80:] = BLACK - 100, WHITE
    image = decode(dng(samples), PATH)
    assert not image[:, :70].any() and (image[:, 90:] == 65535).all()
    low = decode(dng(RAMPS, white=2000), PATH)  # what lies over the white level is white
    bright = expected(LIGHT, 2000)
    assert np.abs(low - np.minimum(bright, 65535))[INSIDE][bright[INSIDE] < 60000].max() < COUNTS
    assert (low[bright > 80000] == 65535).all()


def test_the_end_of_the_linear_range_is_white():
    limit = (50734, "2I", 1, (9, 10), True)  # linear response limit
    image = decode(dng(RAMPS, tags=(limit,)), PATH)
    assert np.abs(image - expected(LIGHT, int(BLACK + 0.9 * (WHITE - BLACK))))[INSIDE].max() < 15
    nonsense = decode(dng(RAMPS, tags=((50734, "2I", 1, (1, 100), True),)), PATH)
    assert np.abs(nonsense - expected(LIGHT))[INSIDE].max() < COUNTS


@pytest.mark.parametrize("options", [{"tile": (32, 32)}, {"compression": "jpeg"}])
def test_kinds_of_storage(options):
    if "compression" in options:  # lossless, as cameras and Adobe's converter write it
        options = {"compression": 7, "compressionargs": {"lossless": True}}
    image = decode(dng(RAMPS, **options), PATH)
    assert np.abs(image - expected(LIGHT))[INSIDE].max() < COUNTS


def test_a_demosaiced_dng():
    image = decode(dng(LIGHT + np.uint16(BLACK)), PATH)
    assert np.abs(image - expected(LIGHT)).max() < COUNTS


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_as_a_jpeg_of_the_camera_is(orientation):
    from PIL import Image

    stored = np.full((96, 128), 600, np.uint16)
    stored[:30, :20] = 3000
    raw = grey(decode(dng(stored, orientation=orientation), PATH))
    tags = Image.Exif()
    tags[274] = orientation
    jpeg = grey(decode(saved((stored >> 4).astype(np.uint8), "JPEG", exif=tags), PATH))
    assert raw.shape == jpeg.shape and np.corrcoef(raw.ravel(), jpeg.ravel())[0, 1] > 0.98


def test_it_is_told_from_a_tiff_by_its_content():
    assert is_raw(dng(RAMPS), Path("im0.tif"))
    assert np.array_equal(decode(dng(RAMPS), Path("im0.tif")), decode(dng(RAMPS), PATH))
    plain = tiff(np.arange(30, dtype=np.uint8).reshape(5, 6))
    assert not is_raw(plain, Path("im0.tif")) and is_raw(plain, Path("im0.nef"))
    with pytest.raises(UserError, match=r"im0\.nef: "):
        decode(plain, Path("im0.nef"))
    with pytest.raises(UserError, match="colour space CFA"):  # levels and colours unknown
        decode(tiff(RAMPS, photometric="cfa"), Path("im0.tif"))


@pytest.mark.parametrize("share", [0.02, 0.2, 0.7, 0.999])
def test_a_cut_file(share):
    data = dng(RAMPS)
    with pytest.raises(UserError, match=r"im0\.dng: ") as error:
        decode(data[: int(share * len(data))], PATH)
    assert "\n" not in str(error.value)


def test_missing_parts_are_not_black():
    for place in (np.s_[60:], np.s_[32:64, 64:96]):
        damaged = RAMPS.copy()
        damaged[place] = 0
        with pytest.raises(UserError, match="truncated or damaged"):
            decode(dng(damaged), PATH)
    dark = np.zeros_like(RAMPS)
    dark[:, ::7] = 3  # a camera that subtracts its black level takes a dark frame
    dark[8] = 0
    assert decode(dng(dark, black=0), PATH).max() < 100


def test_floating_point_samples_are_refused():
    with pytest.raises(UserError, match="DNG of floating-point numbers; convert it"):
        decode(dng((RAMPS / 4096).astype(np.float32)), PATH)


def test_a_large_picture_is_refused_by_its_header():
    with pytest.raises(UserError, match="128 x 96 pixels, more than 12287"):
        decode(dng(RAMPS), PATH, max_pixels=12287)


@pytest.mark.parametrize(
    "data",
    [
        dng(RAMPS),
        b"II*\0\x10\0\0\0CR\x02\0",
        b"FUJIFILMCCD-RAW 0201",
        b"\0\0\0\x18ftypcrx \0\0\0\1",
    ],
)
def test_without_the_extra(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(UserError, match=r"^im0\.raw: camera RAW; .*`pip install 'psface\[raw\]'`"):
        decode(data, Path("im0.raw"))


def test_what_libraw_cannot_read():
    for data in (b"FOVb" + bytes(500), b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(99)):
        with pytest.raises(UserError, match=r"im0\.dng: .*RAW"):
            read_raw(data, PATH, None)
