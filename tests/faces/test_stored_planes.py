"""Eight bits or half floats: the same values."""

import numpy as np
import pytest

from psface.faces.array_file import ArrayFile
from psface.faces.stored_planes import in_eight_bits, in_floats, in_halves, stored_pixels

TYPES = (np.dtype(np.uint8), np.dtype(np.float16))
EVERY = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)


def test_eight_bits_become_the_nearest_half_floats_and_come_back():
    halves = in_halves(EVERY)
    assert halves.dtype == np.float16
    assert (halves == (EVERY / 255).astype(np.float16)).all()
    np.testing.assert_array_equal(in_eight_bits(halves), EVERY)
    for stored in (EVERY, halves, EVERY[:, ::2, 1:], EVERY[:0]):
        floats = in_floats(stored)
        assert floats.dtype == np.float32 and floats.shape == stored.shape
        np.testing.assert_array_equal(floats, in_halves(stored).astype(np.float32))


@pytest.mark.parametrize("value", [0.3, -0.0, 1.01, -0.2, np.nan, np.inf])
def test_what_has_more_than_eight_bits(value):
    halves = in_halves(EVERY).copy()
    halves[0, 3, 3] = value
    assert in_eight_bits(halves) is None


def test_a_crop_of_eight_bits_has_no_more(settings):
    image = np.random.default_rng(0).random((3, 32, 32)).astype(np.float32)
    kept = np.ones((32, 32), bool)
    kept[:4] = False
    params = settings.crop.model_copy(update={"size": 32})
    rounded = stored_pixels(image, kept, params, eight_bit=True)
    assert in_eight_bits(rounded) is not None and (rounded[:, :4] == 0).all()
    assert np.abs(rounded - image * kept).max() <= 1 / 510 + 2**-12
    assert in_eight_bits(stored_pixels(image, kept, params, eight_bit=False)) is None
    even = params.model_copy(update={"even_exposure": True})
    scaled = stored_pixels(image / 9, kept, even, eight_bit=True)
    assert scaled[:, kept].astype(float).mean() == pytest.approx(0.45, abs=1e-3)
    assert in_eight_bits(scaled) is None


@pytest.mark.parametrize("finer", [(), (0,), (3,), (1, 2)])
def test_an_array_has_the_smallest_type_that_holds_all(tmp_path, finer):
    rng = np.random.default_rng(1)
    items = [in_halves(rng.integers(0, 256, (2, 5, 5), np.uint8)) for _ in range(4)]
    for number in finer:
        items[number] = rng.normal(size=(2, 5, 5)).astype(np.float16)
    array = ArrayFile(tmp_path / "a.npy", (2, 5, 5), TYPES)
    for item in items:
        array.add(item)
    array.finish()
    array.file.close()
    stored = np.load(tmp_path / "a.npy")
    assert stored.dtype == (np.float16 if finer else np.uint8)
    np.testing.assert_array_equal(in_halves(stored), np.stack(items))
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
