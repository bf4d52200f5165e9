"""Matrices of MATLAB files, against SciPy's writer and files written by hand."""

import struct

import numpy as np
import pytest

from psface.errors import UserError
from psface.rig.formats.mat_file import read_mat
from tests.rig.formats.written_mat import mat

RNG = np.random.default_rng(0)
HEADER = b"MATLAB 5.0 MAT-file, Platform: PCWIN64, Created on: Sat Feb 29 07:05:00 2020"


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "kind", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", ">f8", ">i2"]
)
@pytest.mark.parametrize("shape", [(1, 1), (8, 3), (3, 1), (0, 3), (1, 7)])
def test_what_scipy_writes(tmp_path, kind, shape, compressed):
    path = tmp_path / "a.mat"
    matrices = {
        "A": RNG.integers(0, 100, shape).astype(kind),
        "a_much_longer_name": np.asfortranarray(RNG.integers(0, 100, shape[::-1]).astype(kind)),
    }
    path.write_bytes(mat(matrices, do_compression=compressed))
    found, others, _ = read_mat(path)
    assert list(found) == list(matrices) and others == []
    for name, matrix in matrices.items():
        assert found[name].dtype == np.float64 and found[name].shape == matrix.shape
        assert (found[name] == matrix).all()


@pytest.mark.parametrize(("order", "mark"), [("<", b"IM"), (">", b"MI")])
def test_by_hand_in_either_order_of_bytes(tmp_path, order, mark):
    """As MATLAB saves doubles that are small and whole: in bytes, and short elements."""

    def element(kind, data):
        return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)

    def short(kind, data):
        # Type in the lower half of the number, length in the upper.
        return struct.pack(f"{order}I", len(data) << 16 | kind) + data.ljust(4, b"\0")

    flags = element(6, struct.pack(f"{order}II", 6, 0))
    shape = element(5, struct.pack(f"{order}ii", 2, 2))
    variable = element(14, flags + shape + short(1, b"mu") + short(2, bytes([1, 2, 3, 4])))
    path = tmp_path / "a.mat"
    path.write_bytes(HEADER.ljust(124) + struct.pack(f"{order}H", 0x0100) + mark + variable)
    found, _, date = read_mat(path)
    assert found["mu"].tolist() == [[1, 3], [2, 4]] and date == "2020-02-29"


def test_texts_and_the_like_are_named(tmp_path):
    from scipy.sparse import csc_matrix

    path = tmp_path / "a.mat"
    path.write_bytes(mat({"S": np.eye(3), "by": "me", "b": np.eye(2) > 0, "s": csc_matrix((2, 2))}))
    found, others, date = read_mat(path)
    assert list(found) == ["S"] and others == ["by", "b", "s"] and len(date) in (0, 10)


def test_a_date_that_is_none(tmp_path):
    for text in (b"Created on: Tue Foo 31 1:2:3 2020", b"Created on: Tue Feb 31 1:2:3 2020"):
        data = mat({"S": np.eye(3)})
        (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0 " + text.ljust(113) + data[124:])
        assert read_mat(tmp_path / "a.mat")[2] == ""


def test_numbers_that_do_not_fit_the_shape(tmp_path):
    data = bytearray(mat({"S": np.eye(3)}))
    assert data[160:168] == struct.pack("<ii", 3, 3)
    for shape in ((3, 4), (2**31 - 1, 2**31 - 1), (-1, -9), (-3, -3)):
        data[160:168] = struct.pack("<ii", *shape)
        (tmp_path / "a.mat").write_bytes(bytes(data))
        with pytest.raises(UserError, match=r"a\.mat: cut or damaged"):
            read_mat(tmp_path / "a.mat")
