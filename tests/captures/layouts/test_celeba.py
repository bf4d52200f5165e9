"""CelebA's lists, written here line by line."""

import pytest

from psface.captures.layouts.celeba import photoface_labels, read_celeba
from psface.captures.layouts.photoface import KNOWN_LABELS
from psface.errors import UserError

NAMES = "5_o_Clock_Shadow Eyeglasses Goatee Male Mustache No_Beard Smiling Young"
ROWS = {
    "000001.jpg": ("2880", "-1 1 -1 -1 -1 1 1 1"),
    "000002.jpg": ("2937", "1 -1 -1 1 -1 1 -1 1"),
    "000003.jpg": ("2880", "1 -1 -1 1 1 -1 -1 -1"),
}


@pytest.fixture
def celeba(tmp_path):
    (tmp_path / "img_align_celeba").mkdir()
    identities = "".join(f"{name} {identity}\n" for name, (identity, _) in ROWS.items())
    (tmp_path / "identity_CelebA.txt").write_text(identities)
    rows = "".join(f"{name}  {values}\n" for name, (_, values) in ROWS.items())
    (tmp_path / "list_attr_celeba.txt").write_text(f"3\n{NAMES} \n{rows}")
    return tmp_path


def test_pictures_with_labels(celeba, settings):
    sessions = list(read_celeba(celeba, settings.ingest, 0))
    assert [s.key for s in sessions] == ["2880/000001.jpg", "2937/000002.jpg", "2880/000003.jpg"]
    assert sessions[0].frames == (f"{celeba.as_posix()}/img_align_celeba/000001.jpg",)
    assert all(s.is_picture for s in sessions)
    first, second, third = (s.attributes for s in sessions)
    assert first == {
        "gender": "female", "spectacles": "yes", "facial_hair": "none", "emotion": "positive",
    }  # fmt: skip
    assert (second["facial_hair"], third["facial_hair"]) == ("stubble", "both")
    assert second["gender"] == "male" and second["emotion"] == "blankstare"
    for labels in (first, second, third):
        assert all(value in KNOWN_LABELS[name] for name, value in labels.items())


@pytest.mark.parametrize(
    ("true", "hair"),
    [
        (("Goatee", "No_Beard"), "beard"),
        (("Mustache", "No_Beard"), "moustache"),
        ((), "beard"),
        (("No_Beard", "5_o_Clock_Shadow"), "stubble"),
    ],
)
def test_facial_hair(true, hair):
    assert photoface_labels({name: name in true for name in NAMES.split()})["facial_hair"] == hair


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("identity_CelebA.txt", ("000002.jpg 2937", "000002.jpg"), r"line 2: '000002\.jpg'"),
        ("identity_CelebA.txt", ("000002.jpg", "000009.jpg"), r"000009\.jpg, line 2 .* matching"),
        ("list_attr_celeba.txt", ("Eyeglasses", "Glasses"), "no attribute Eyeglasses"),
        ("list_attr_celeba.txt", ("1 -1 -1 1 -1 1 -1 1", "1 -1 0"), "line 4: expected a pic"),
    ],
)
def test_lists_that_are_not_as_they_should_be(celeba, settings, file, change, said):
    text = (celeba / file).read_text()
    assert change[0] in text
    (celeba / file).write_text(text.replace(*change))
    with pytest.raises(UserError, match=said):
        list(read_celeba(celeba, settings.ingest, 0))


def test_missing_parts(celeba, settings):
    (celeba / "list_attr_celeba.txt").unlink()
    with pytest.raises(UserError, match=r"list_attr_celeba\.txt: .*CelebA's lists"):
        list(read_celeba(celeba, settings.ingest, 0))
    (celeba / "img_align_celeba").rmdir()
    with pytest.raises(UserError, match="no folder img_align_celeba or img_celeba"):
        list(read_celeba(celeba, settings.ingest, 0))


def test_a_picture_listed_twice(celeba, settings):
    for name in ("identity_CelebA.txt", "list_attr_celeba.txt"):
        lines = (celeba / name).read_text().splitlines()
        (celeba / name).write_text("\n".join([*lines, lines[-1]]) + "\n")
    with pytest.raises(UserError, match=r"000003\.jpg is on lines 3 and 4"):
        list(read_celeba(celeba, settings.ingest, 0))
