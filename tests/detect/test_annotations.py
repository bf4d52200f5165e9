"""Readers of annotated photographs, on files written by hand and on dlib's real one."""

import numpy as np
import pytest

from psface.detect.annotations import Annotated, read_annotations, write_wider
from psface.errors import UserError


@pytest.fixture
def pictures(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_the_real_file_of_dlib(shared_data):
    read = read_annotations(shared_data / "dlib_faces", "dlib")
    assert len(read) == 9 and sum(len(picture.boxes) for picture in read) == 43
    [first] = [picture for picture in read if picture.path.name == "2008_002470.jpg"]
    assert [274, 181, 326, 234] in first.boxes.tolist()
    for picture in read:
        left, right, nose, mouth_left, mouth_right = picture.landmarks.transpose(1, 0, 2)
        assert (left[:, 0] < right[:, 0]).all() and (mouth_left[:, 0] < mouth_right[:, 0]).all()
        assert (np.minimum(left, right)[:, 1] < nose[:, 1]).mean() > 0.95
        low, high = picture.boxes[:, None, :2], picture.boxes[:, None, 2:]
        size = high - low
        inside = (picture.landmarks > low - 0.2 * size) & (picture.landmarks < high + 0.2 * size)
        assert inside.all()


def test_dlib(pictures):
    points = "".join(f"<part name='{i:02}' x='{i}' y='{2 * i}'/>" for i in range(68))
    (pictures / "faces.xml").write_text(
        "<?xml version='1.0' encoding='ISO-8859-1'?><dataset><images>"
        f"<image file='a.jpg'><box top='2' left='1' width='10' height='20'>{points}</box>"
        "<box top='5' left='6' width='7' height='8' ignore='1'/></image>"
        "<image file='b.jpg'/></images></dataset>"
    )
    a, b = read_annotations(pictures / "faces.xml", "dlib")
    assert a.path == pictures / "a.jpg"
    assert a.boxes.tolist() == [[1, 2, 11, 22], [6, 5, 13, 13]]
    assert a.ignored.tolist() == [False, True]
    assert a.landmarks[0].tolist() == [[38.5, 77], [44.5, 89], [30, 60], [48, 96], [54, 108]]
    assert np.isnan(a.landmarks[1]).all()
    assert b.boxes.shape == (0, 4) and b.landmarks.shape == (0, 5, 2)


def test_dlib_parts_of_other_names(pictures):
    (pictures / "a.xml").write_text(
        "<dataset><images><image file='a.jpg'><box top='1' left='2' width='3' height='4'>"
        "<part name='nose' x='5' y='6'/></box></image></images></dataset>"
    )
    [one] = read_annotations(pictures / "a.xml", "dlib")
    assert one.boxes.tolist() == [[2, 1, 5, 5]] and np.isnan(one.landmarks).all()


@pytest.mark.parametrize("zeros", ["0 0 0 0 0 0 0 0 0 0\n", ""])
def test_wider_face_without_a_face(pictures, zeros):
    row = "1 2 3 4 0 0 0 0 0 0"
    (pictures / "a.txt").write_text(f"a.jpg\n0\n{zeros}b.jpg\n1\n{row}\n")
    first, second = read_annotations(pictures / "a.txt", "wider")
    assert len(first.boxes) == 0 and second.boxes.tolist() == [[1, 2, 4, 6]]


def test_wider_face(pictures):
    (pictures / "list.txt").write_text(
        "a.jpg\n3\n10 20 30 40 0 0 0 0 0 0 \n1 2 3 4 2 0 0 1 2 0 \n5 6 0 9 0 0 0 0 0 0\n"
        "b.jpg\n0\n0 0 0 0 0 0 0 0 0 0 \n"
    )
    a, b = read_annotations(pictures / "list.txt", "wider")
    assert a.boxes.tolist() == [[10, 20, 40, 60], [1, 2, 4, 6], [5, 6, 5, 15]]
    assert a.ignored.tolist() == [False, True, True]
    assert np.isnan(a.landmarks).all() and a.landmarks.shape == (3, 5, 2)
    assert len(b.boxes) == 0


def test_wider_face_with_landmarks_is_written_and_read(pictures):
    five = np.arange(10.0).reshape(5, 2)
    unknown = np.full((5, 2), np.nan)
    given = [
        Annotated(
            pictures / "a.jpg",
            np.array([[1.5, 2, 30, 40], [3, 4, 5, 6]]),
            np.stack([five, unknown]),
            np.zeros(2, bool),
        ),
        Annotated(pictures / "b.jpg", np.zeros((0, 4)), np.zeros((0, 5, 2)), np.zeros(0, bool)),
    ]
    write_wider(pictures / "label.txt", given)
    for wrote, read in zip(given, read_annotations(pictures / "label.txt", "wider"), strict=True):
        assert read.path == wrote.path
        np.testing.assert_allclose(read.boxes, wrote.boxes)
        np.testing.assert_allclose(read.landmarks, wrote.landmarks)
        assert (read.ignored == wrote.ignored).all()


@pytest.mark.parametrize("angle", [0.0, 0.7, -1.2, np.pi / 2])
def test_fddb_ellipses_become_their_bounding_boxes(pictures, angle):
    (pictures / "fold-01-ellipseList.txt").write_text(f"a\n1\n40 25 {angle} 100 120 1\n")
    [picture] = read_annotations(pictures, "fddb")
    assert picture.path == pictures / "a.jpg"
    t = np.linspace(0, 2 * np.pi, 100_000)
    x = 100 + 40 * np.cos(t) * np.cos(angle) - 25 * np.sin(t) * np.sin(angle)
    y = 120 + 40 * np.cos(t) * np.sin(angle) + 25 * np.sin(t) * np.cos(angle)
    np.testing.assert_allclose(picture.boxes[0], [x.min(), y.min(), x.max(), y.max()], atol=1e-5)


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        ("dlib", "<dataset><images><image><box/></image></images></dataset>", "dlib's imglab"),
        ("dlib", "no xml", "dlib's imglab"),
        ("dlib", "<dataset/>", "no annotated pictures"),
        ("wider", "a.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n", "line .*expected 10 numbers"),
        ("wider", "a.jpg\nmany\n", "line 2: expected the number of faces, not 'many'"),
        ("wider", "12 13\n", "line 1: expected the path of a picture, not '12 13'"),
        ("wider", "c.jpg\n0\n0 0 0 0 0 0 0 0 0 0\n", "c.jpg, which does not exist"),
        ("wider", "# a.jpg\n1 2 x 4\n", "line 2: expected 4 numbers"),
        ("fddb", "a\n1\n1 2 3\n", "line 3: expected 5 numbers, not '1 2 3'"),
        ("fddb", "", "no annotated pictures"),
    ],
)
def test_wrong_files(pictures, form, text, said):
    path = pictures / "faces.txt"
    path.write_text(text)
    with pytest.raises(UserError, match=said) as error:
        read_annotations(path, form)
    assert str(path) in str(error.value)


def test_missing_files(tmp_path):
    with pytest.raises(UserError, match=r"none\.txt: .*No such file"):
        read_annotations(tmp_path / "none.txt", "wider")
    with pytest.raises(UserError, match="no \\*ellipseList"):
        read_annotations(tmp_path, "fddb")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"bytes\.txt, line 1: neither UTF-8"):
        read_annotations(tmp_path / "bytes.txt", "wider")
