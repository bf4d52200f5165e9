from dataclasses import replace

import numpy as np
import OpenEXR
import pytest

from psface.errors import UserError
from psface.report.map_colours import normals_as_colours
from psface.stereo.map_files import (
    CHANNELS,
    COLOURS,
    Maps,
    as_stored,
    read_maps,
    read_notes,
    write_maps,
)
from tests.shapes import sphere


@pytest.fixture
def maps() -> Maps:
    normal, depth, mask = sphere(48, 20)
    rng = np.random.default_rng(0)
    albedo = rng.random(mask.shape) * mask
    planes = (np.asarray(plane, np.float32) for plane in (normal, albedo, depth))
    shifts = np.array([[0.0, 0.0], [1.25, -2.5]])
    return Maps(*planes, mask, shifts, {"fingerprint": "abc"})


@pytest.fixture
def path(tmp_path, maps):
    write_maps(tmp_path / "1001" / "session.exr", maps)
    return tmp_path / "1001" / "session.exr"


def test_a_round_trip_is_right_to_half_precision(maps, path):
    back = read_maps(path)
    half = 2.0**-11  # relative, of a float with 11 significant bits
    np.testing.assert_allclose(back.normal, maps.normal, rtol=half, atol=1e-7)
    np.testing.assert_allclose(back.albedo, maps.albedo, rtol=half, atol=1e-7)
    np.testing.assert_allclose(back.depth, maps.depth, rtol=half, atol=1e-7)
    np.testing.assert_array_equal(back.mask, maps.mask)
    assert back.mask.dtype == bool and back.normal.dtype == np.float32
    assert maps.notes.items() <= back.notes.items()
    np.testing.assert_array_equal(back.shifts, maps.shifts)


def test_maps_as_stored_are_those_that_are_read_back(maps, tmp_path):
    odd = replace(maps, shifts=maps.shifts + 1 / 3)
    write_maps(tmp_path / "odd.exr", odd)
    back, stored = read_maps(tmp_path / "odd.exr"), as_stored(odd)
    for name in ("normal", "albedo", "depth", "mask", "shifts"):
        one, other = getattr(back, name), getattr(stored, name)
        assert one.dtype == other.dtype and np.array_equal(one, other)


def test_halves_are_those_of_numpy():
    """Of every size: infinite, too large, too small for a half, halfway between two."""
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(40, 50)) * 10.0 ** rng.integers(-9, 6, (40, 50))
    plane[0, :6] = 0, -0.0, np.inf, -np.inf, 65519, 65520
    plane[1, :3] = 1 + 2.0**-11, 1 + 3 * 2.0**-11, 2.0**-25
    plane = plane.astype(np.float32)
    stored = as_stored(Maps(np.stack([plane] * 3), plane.T, plane[:, ::2], plane > 0))
    with np.errstate(over="ignore"):
        half = plane.astype(np.float16).astype(np.float32)
    for found, wanted in (
        (stored.normal[1], half), (stored.albedo, half.T), (stored.depth, half[:, ::2])
    ):  # fmt: skip
        assert found.dtype == np.float32 and np.array_equal(found, wanted)


def test_a_size_in_mm_and_colours_come_back(maps, tmp_path):
    rng = np.random.default_rng(1)
    colour = rng.random((3, *maps.mask.shape)).astype(np.float32) * maps.mask
    full = replace(maps, mm_per_px=0.3512345678, colour=colour)
    write_maps(tmp_path / "full.exr", full)
    back, stored = read_maps(tmp_path / "full.exr"), as_stored(full)
    np.testing.assert_allclose(back.colour, colour, rtol=2.0**-11, atol=1e-7)
    assert np.array_equal(back.colour, stored.colour) and back.colour.dtype == np.float32
    assert back.mm_per_px == stored.mm_per_px == pytest.approx(0.3512345678, rel=1e-5)
    np.testing.assert_allclose(back.depth_px, back.depth / np.float32(back.mm_per_px))
    assert "mm_per_px" not in back.notes and "content" not in back.notes
    with OpenEXR.File(str(tmp_path / "full.exr"), separate_channels=True) as exr:
        assert set(exr.channels()) == {*CHANNELS, *COLOURS}
        np.testing.assert_allclose(exr.channels()["albedo.green"].pixels, colour[1], atol=1e-3)
    plain = read_maps(maps_at(tmp_path, maps))
    assert plain.mm_per_px is None and plain.colour is None and plain.depth_px is plain.depth


def maps_at(folder, maps):
    write_maps(folder / "plain.exr", maps)
    return folder / "plain.exr"


def changed_header(path, **notes) -> None:
    """Write a map file again with other notes and the same planes."""
    with OpenEXR.File(str(path), separate_channels=True) as exr:
        header = {k: v for k, v in exr.header().items() if isinstance(v, str)}
        planes = {name: channel.pixels for name, channel in exr.channels().items()}
    header |= {"type": OpenEXR.scanlineimage, **notes}
    with OpenEXR.File(header, planes) as exr:
        exr.write(str(path))


@pytest.mark.parametrize(
    "notes",
    [
        {"mm_per_px": "0"},
        {"mm_per_px": "-1"},
        {"mm_per_px": "nan"},
        {"mm_per_px": "inf"},
        {"mm_per_px": "wide"},
        {"mm_per_px": ""},
        {"shifts": "[[0, 0], [1, NaN]]"},
        {"shifts": '[["a", "b"]]'},
        {"shifts": "[[0, 0], [1, 2, 3]]"},
        {"shifts": "[0, 1]"},
        {"shifts": "{}"},
        {"shifts": "[" * 3000},
        {"shifts": "null"},
        {"content": "0"},
    ],
    ids=str,
)
def test_damaged_notes_are_refused(maps, tmp_path, notes):
    path = maps_at(tmp_path, replace(maps, mm_per_px=0.3))
    changed_header(path)
    assert read_maps(path).mm_per_px == 0.3  # it can be read until then
    changed_header(path, **notes)
    with pytest.raises(UserError, match=r"plain\.exr: not a readable map file .*; remove it") as e:
        read_maps(path)
    assert "\n" not in str(e.value)


def test_colours_without_one_of_them_are_refused(maps, tmp_path):
    path = maps_at(tmp_path, replace(maps, colour=np.zeros((3, *maps.mask.shape))))
    with OpenEXR.File(str(path), separate_channels=True) as exr:
        header = {k: v for k, v in exr.header().items() if isinstance(v, str)}
        planes = {n: c.pixels for n, c in exr.channels().items() if n != "albedo.blue"}
    with OpenEXR.File({**header, "type": OpenEXR.scanlineimage}, planes) as exr:
        exr.write(str(path))
    with pytest.raises(UserError, match=r"plain\.exr: not a readable map file"):
        read_maps(path)


def test_the_channels_stand_under_their_names(maps, path):
    """So that any EXR viewer shows them."""
    with OpenEXR.File(str(path), separate_channels=True) as exr:
        channels = exr.channels()
        assert set(channels) == set(CHANNELS)
        assert all(channel.pixels.dtype == np.float16 for channel in channels.values())
        np.testing.assert_allclose(channels["normal.y"].pixels, maps.normal[1], atol=1e-3)


def test_the_same_maps_make_the_same_bytes(maps, path, tmp_path):
    write_maps(tmp_path / "again.exr", maps)
    assert (tmp_path / "again.exr").read_bytes() == path.read_bytes()


def test_notes_alone(path, tmp_path):
    assert read_notes(path)["fingerprint"] == "abc"
    assert read_notes(tmp_path / "none.exr") == {}
    path.write_bytes(b"no EXR")
    assert read_notes(path) == {}


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_missing_channel_is_named(tmp_path, channel):
    plane = np.zeros((4, 4), np.float16)
    planes = {name: plane for name in CHANNELS if name != channel}
    path = tmp_path / "session.exr"
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, planes) as exr:
        exr.write(str(path))
    with pytest.raises(UserError, match=rf"session\.exr: no channel {channel}; run"):
        read_maps(path)


@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.99])
def test_a_cut_file_is_refused(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(UserError, match=r"session\.exr: not a readable map file") as raised:
        read_maps(path)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"none\.exr"):
        read_maps(tmp_path / "none.exr")


def test_colours_of_normals():
    directions = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, 0, 0]], np.float32)
    colours = normals_as_colours(directions.T[:, None, :])[0]
    assert colours.tolist() == [
        [127, 127, 255],
        [255, 127, 127],
        [127, 255, 127],
        [0, 127, 127],
        [0, 0, 0],
    ]
