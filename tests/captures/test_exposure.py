"""Exposures in the headers of pictures."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from psface.captures.exposure import Exposure, exposure_of, relative_exposures
from psface.errors import UserError
from tests.written_pictures import dng, exif, exposed, exr, saved, tiff

GREY = np.full((8, 8), 99, np.uint8)
PATH = Path("im0.x")
STATED = exposed(mode=0)


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(*chunks: bytes, last: bool = False) -> bytes:
    plain = saved(GREY, "PNG")
    at = len(plain) - 12 if last else 33  # before the end, or after the header
    return plain[:at] + b"".join(chunks) + plain[at:]


def profile(kind: bytes, name: bytes = b"exif") -> bytes:
    lines = (b"Exif\0\0" + STATED).hex().encode()
    text = b"\n" + name + b"\n%8d\n" % len(STATED) + lines[:72] + b"\n" + lines[72:] + b"\n"
    packed = b"\0" + zlib.compress(text) if kind == b"zTXt" else text
    return chunk(kind, b"Raw profile type " + name + b"\0" + packed)


def raf() -> bytes:
    jpeg = saved(GREY, "JPEG", exif=b"Exif\0\0" + STATED)
    return b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">II", 92, len(jpeg)) + jpeg


def canon_box() -> bytes:
    """A directory of its own, where others have it under the first one."""
    inner = exif({34665: 0})  # any first directory
    alone = STATED[:4] + struct.pack("<I", 26) + STATED[8:]
    return b"\0\0\0\x18ftypcrx \0\0\0\1" + inner + b"\0\0\0\x60CMT2" + alone


FILES = {
    "JPEG": saved(GREY, "JPEG", exif=b"Exif\0\0" + STATED),
    "PNG": png(chunk(b"eXIf", STATED)),
    "PNG, behind the pixels": png(chunk(b"eXIf", STATED), last=True),
    "PNG, compressed text": png(profile(b"zTXt")),
    "PNG, text": png(profile(b"tEXt", b"APP1")),
    "WebP": saved(GREY, "WEBP", exif=b"Exif\0\0" + STATED),
    "AVIF": saved(GREY, "AVIF", exif=b"Exif\0\0" + STATED),
    "TIFF": saved(GREY, "TIFF", exif=STATED),
    "big-endian": exif({33434: (1, 60), 33437: (28, 10), 34855: 200, 41986: 0}, ">"),
    "TIFF, in its first directory": tiff(
        GREY,
        extratags=[
            (33434, "2I", 1, (1, 60), True),
            (33437, "2I", 1, (28, 10), True),
            (34855, "H", 1, 200, True),
            (41986, "H", 1, 0, True),
        ],
    ),
    "BigTIFF": tiff(
        GREY,
        bigtiff=True,
        extratags=[
            (33434, "2I", 1, (1, 60), True),
            (33437, "2I", 1, (28, 10), True),
            (34855, "H", 1, 200, True),
            (41986, "H", 1, 0, True),
        ],
    ),
    "Fujifilm": raf(),
    "Canon": canon_box(),
    "Olympus": b"IIRO" + STATED[4:],
    "Panasonic": b"IIU\0" + STATED[4:],
    "Minolta": b"\0MRM" + bytes(12) + b"\0TTW" + bytes(4) + STATED,
}


@pytest.mark.parametrize("name", FILES)
def test_it_is_found_in_every_format(name):
    exposure = exposure_of(FILES[name], PATH)
    assert exposure is not None
    assert exposure.time_s == pytest.approx(1 / 60) and exposure.f_number == pytest.approx(2.8)
    assert exposure.iso == 200 and exposure.automatic is True
    assert str(exposure) == "1/60 s, f/2.8, ISO 200"


def test_it_is_found_in_dng_and_exr():
    tags = ((33434, "2I", 1, (2, 1), True), (34855, "H", 1, 100, True))
    found = exposure_of(dng(np.full((8, 8), 900, np.uint16), tags=tags), PATH)
    assert found == Exposure(2.0, None, 100.0, None) and str(found) == "2 s, ISO 100"
    plane = np.zeros((4, 4), np.float32)
    data = exr({"Y": plane}, expTime=0.25, aperture=8.0, isoSpeed=400.0)
    assert exposure_of(data, PATH) == Exposure(0.25, 8.0, 400.0)
    assert exposure_of(exr({"Y": plane}), PATH) is None


@pytest.mark.parametrize(
    "data",
    [
        b"BM", saved(GREY, "BMP"), saved(GREY, "PNG"), saved(GREY, "JPEG"),
        saved(GREY, "WEBP"), tiff(GREY), b"P5 8 8 255\n" + GREY.tobytes(), exif({41986: 1}),
    ],
)  # fmt: skip
def test_files_that_state_none(data):
    assert exposure_of(data, PATH) is None


@pytest.mark.parametrize(
    "value", [(1, 0), (0, 0), (0, 1), (1, 2**32 - 1), (2**32 - 1, 1), b"1/60", b"\0"]
)
def test_impossible_values_are_not_stated(value):
    assert exposure_of(exposed(time=value), PATH) == Exposure(None, 2.8, 200)
    assert exposure_of(exposed(value, value, 0), PATH) is None


def test_other_tags_of_the_same():
    assert exposure_of(exif({34855: 65535, 34867: 51200}), PATH) == Exposure(iso=51200)
    apex = exif({37377: (6, 1), 37378: (4, 1), 34855: 100})
    assert exposure_of(apex, PATH) == Exposure(1 / 64, 4.0, 100)


@pytest.mark.parametrize(
    ("mode", "program", "automatic"),
    [(0, 2, True), (1, 1, False), (0, 1, False), (1, 2, False), (2, None, True), (None, 3, True),
     (None, None, None), (None, 0, None), (None, 1, False)],
)  # fmt: skip
def test_whether_the_camera_chose(mode, program, automatic):
    found = exposure_of(exposed(mode=mode, program=program), PATH)
    assert found is not None and found.automatic is automatic


def test_damaged_headers_never_raise():
    rng = np.random.default_rng(0)
    for data in FILES.values():
        for cut in range(0, min(len(data), 400), 7):
            exposure_of(data[:cut], PATH)
        for _ in range(60):
            damaged = np.frombuffer(data, np.uint8).copy()
            at = rng.integers(4, min(len(damaged), 300), 6)
            damaged[at] = rng.choice([0, 1, 127, 128, 255], 6)
            exposure_of(damaged.tobytes(), PATH)


NAMES = ["im0.jpg", "im1.jpg", "im2.jpg"]
FULL = Exposure(1 / 50, 4.0, 200)


def test_factors_of_exposure():
    triple = [FULL, Exposure(1 / 100, 4.0, 200), Exposure(1 / 50, 2.0, 400)]
    assert relative_exposures(triple, NAMES) == pytest.approx([1, 0.5, 8])
    manual_lens = [Exposure(1 / 50, None, 200), Exposure(1 / 25, None, 200)]
    assert relative_exposures(manual_lens, NAMES) == pytest.approx([1, 2])


def test_exposures_that_do_not_differ():
    assert relative_exposures([None, Exposure(), None], NAMES) is None
    assert relative_exposures([], []) is None
    for exposures in (
        [FULL] * 3,
        [FULL, None, FULL],  # all that are known agree
        [Exposure(0.02), Exposure(0.02), None],
        [FULL, Exposure(1 / 50.001, 4.0, 200)],  # written differently
        [Exposure(1 / 60, 4.0, 100), Exposure(1 / 120, 4.0, 200)],  # as bright
    ):
        found = relative_exposures(exposures, NAMES)
        assert found is not None and (found == 1).all() and len(found) == len(exposures)


@pytest.mark.parametrize(
    ("exposures", "said"),
    [
        ([FULL, None, Exposure(1 / 25, 4.0, 200)], r"im1\.jpg: no exposure time .*\(1/50 s, f/4"),
        (
            [Exposure(1 / 50), Exposure(1 / 25)],
            r"im0\.jpg: no ISO speed .*\(1/50 s; 1/25 s\); take",
        ),
        ([Exposure(None, None, 100), Exposure(None, None, 200)], r"im0\.jpg: no exposure time"),
        ([FULL, Exposure(1 / 25, None, 200)], r"im1\.jpg: no f-number in its header, but"),
    ],
)
def test_exposures_that_differ_but_cannot_be_compared(exposures, said):
    with pytest.raises(UserError, match=said) as error:
        relative_exposures(exposures, NAMES)
    assert "one manual exposure" in str(error.value) and "\n" not in str(error.value)
