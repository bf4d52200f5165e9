"""Lists of pairs, and LFW's protocol."""

import pickle

import cv2
import numpy as np
import pytest

from psface.captures.capture import Capture, Refusal
from psface.errors import UserError
from psface.measures.folds import best_threshold, fold_accuracies
from psface.recognise.pair_lists import read_pairs
from psface.recognise.scoring import name_of
from psface.rig.rig import write_rig
from tests.shapes import FOUR_LIGHTS
from tests.written_captures import write_capture
from tests.written_rigs import distant_rig

PICTURE = cv2.imencode(".jpg", np.zeros((8, 8), np.uint8))[1].tobytes()


@pytest.fixture
def lfw(tmp_path):
    """Four people of three pictures each, named as LFW's."""
    for person in ("Ann Lee", "Bo", "Nguyễn_A", "D"):
        for number in (1, 2, 3):
            path = tmp_path / person / f"{person}_{number:04}.jpg"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(PICTURE)
    return tmp_path


def test_lfw_pairs(lfw):
    lines = ["2\t2", "Bo\t1\t2", "D\t1\t3", "Bo\t1\tD\t2", "Ann Lee\t1\tBo\t3"]
    lines += ["D\t1\t2", "Ann Lee\t1\t2", "Nguyễn_A\t1\tD\t2", "Bo\t1\tNguyễn_A\t3"]
    (lfw / "pairs.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    pairs = read_pairs(lfw / "pairs.txt", None)
    assert pairs.same.tolist() == [True, True, False, False] * 2
    assert pairs.fold.tolist() == [0] * 4 + [1] * 4
    names = [name_of(capture).split("/")[-1] for capture in pairs.captures]
    assert len(names) == len(set(names)) == 10
    assert (names[pairs.first[3]], names[pairs.second[3]]) == ("Ann Lee_0001.jpg", "Bo_0003.jpg")
    assert pairs.identity[pairs.first[3]] == "Ann Lee"
    assert pairs.second[0] != pairs.first[0] and pairs.first[2] == pairs.first[0]


def test_lfw_development_pairs_have_no_folds(lfw):
    (lfw / "pairsDevTest.txt").write_text("1\nBo\t1\t2\nBo\t1\tD\t2\n")
    pairs = read_pairs(lfw / "pairsDevTest.txt", lfw)
    assert pairs.fold is None and pairs.same.tolist() == [True, False]


def test_csv_pairs(lfw):
    text = "first,second,same,fold\nBo/Bo_0001.jpg, Bo/Bo_0002.jpg,TRUE,4\n"
    text += "Bo/Bo_0001.jpg,D/D_0001.jpg,0,5\n"
    (lfw / "mine.csv").write_text(text)
    pairs = read_pairs(lfw / "mine.csv", None)
    assert pairs.same.tolist() == [True, False] and pairs.fold.tolist() == [4, 5]
    assert pairs.first.tolist() == [0, 0] and pairs.identity is None


def test_pairs_without_folds_are_parted_with_both_kinds_in_each(lfw):
    lines = ["first,second,same"]
    lines += ["Bo/Bo_0001.jpg,Bo/Bo_0002.jpg,1", "Bo/Bo_0001.jpg,D/D_0001.jpg,0"] * 20
    (lfw / "mine.csv").write_text("\n".join(lines))
    pairs = read_pairs(lfw / "mine.csv", None)
    for fold in range(10):
        assert pairs.same[pairs.fold == fold].tolist() == [True, False] * 2


def test_a_verification_set(tmp_path):
    same = [True] * 10 + [False] * 10
    (tmp_path / "lfw.bin").write_bytes(pickle.dumps(([PICTURE] * 40, same)))
    pairs = read_pairs(tmp_path / "lfw.bin", None)
    assert pairs.aligned and len(pairs.captures) == 40
    assert all(isinstance(capture, Capture) for capture in pairs.captures)
    assert all(capture.contents == (PICTURE,) for capture in pairs.captures)
    assert pairs.first.tolist() == list(range(0, 40, 2))
    assert pairs.second.tolist() == list(range(1, 40, 2))
    assert pairs.same.tolist() == same and len(np.unique(pairs.fold)) == 10


def test_a_folder_is_all_its_pairs(lfw, monkeypatch):
    (lfw / "Bo" / "readme.pdf").write_bytes(b"%PDF")
    for name in ("loose.jpg", "another.jpg"):
        (lfw / name).write_bytes(PICTURE)
    pairs = read_pairs(lfw, None)
    assert len(pairs.captures) == 15 and len(pairs.same) == 12 * 11 // 2
    assert [isinstance(capture, Refusal) for capture in pairs.captures] == [False] * 12 + [True] * 3
    assert pairs.same.sum() == 4 * 3 and pairs.second.max() == 11
    monkeypatch.setattr("psface.recognise.pair_lists.IMPOSTORS", 20)
    fewer = read_pairs(lfw, None)
    assert fewer.same.sum() == 12 and (~fewer.same).sum() == 20
    drawn = list(zip(fewer.first.tolist(), fewer.second.tolist(), strict=True))
    assert len(set(drawn)) == len(drawn) and all(a < b for a, b in drawn)
    people = fewer.identity
    assert ((people[fewer.first] == people[fewer.second]) == fewer.same).all()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("pairs.txt", "", "line 1: expected LFW's numbers"),
        ("pairs.txt", "ten\t300\n", "line 1: expected LFW's numbers"),
        ("pairs.txt", "1\t1\nBo\tone\t2\nBo\t1\tD\t2\n", "line 2: .*expected a pair"),
        ("pairs.txt", "1\t1\nBo\t1\t2\t3\t4\nBo\t1\tD\t2\n", "line 2: .*expected a pair"),
        ("pairs.txt", "1\t1\nBo\t1\t9\nZoe\t1\t2\n", "line 2: .*Bo_0009.jpg is missing, and 2 oth"),
        ("pairs.txt", "1\t1\n", "means 2 pairs, but the file has 0"),
        ("pairs.txt", "10\t3\nBo\t1\t2\n", "means 60 pairs, but the file has 1"),
        ("pairs.txt", "1\t1\nBo\t1\t2\nBo\t1\t3\n", "only one kind found"),
        ("pairs.csv", "a,b\n1,2\n", "no column first, second, same"),
        ("pairs.csv", "first,second,same\na,b,maybe\n", "line 2: same is 'maybe'"),
        ("pairs.csv", "first,second,same,fold\na,b,1,x\n", "line 2: same is '1' and fold 'x'"),
        ("pairs.csv", "first,second,same\nno.jpg,Bo/Bo_0001.jpg,1\n", "no.jpg is missing; restore"),
        ("pairs.csv", "", "no column first, second, same"),
        ("pairs.xml", "", "expected a folder of people"),
    ],
)
def test_lists_that_are_wrong(lfw, name, text, said):
    (lfw / name).write_text(text)
    with pytest.raises(UserError, match=said):
        read_pairs(lfw / name, lfw)


def test_the_rig_of_the_captures_in_a_list_or_folder(tmp_path):
    for person in ("an", "bo"):
        for number in range(2):
            folder = write_capture(tmp_path / "set" / person / f"{number}", seed=number)
            (folder / "LightSource.m").unlink()
    (tmp_path / "pairs.csv").write_text("first,second,same\nan/0,an/1,1\nan/0,bo/0,0\n")
    rig = distant_rig(FOUR_LIGHTS)
    for pairs in (
        read_pairs(tmp_path / "pairs.csv", tmp_path / "set", rig),
        read_pairs(tmp_path / "set", None, rig),
    ):
        assert all(capture.rig == rig for capture in pairs.captures)
    write_rig(tmp_path / "set" / "rig.yaml", rig)
    listed = read_pairs(tmp_path / "pairs.csv", tmp_path / "set")
    assert [capture.rig for capture in listed.captures] == [rig] * 3
    other = read_pairs(tmp_path / "pairs.csv", tmp_path / "set", rig.with_lamps([0, 1, 2]))
    assert all("the rig has 3 lamps" in refusal.reason for refusal in other.captures)


def plain_threshold(cosine, same):
    """The best accuracy that any threshold has."""
    edges = [
        -2.0,
        *((a + b) / 2 for a, b in zip(sorted(cosine), sorted(cosine)[1:], strict=False)),
        2.0,
    ]
    return max(np.mean((cosine > edge) == same) for edge in edges)


def test_accuracy_on_folds_against_a_plain_loop():
    rng = np.random.default_rng(2)
    for _ in range(30):
        same = rng.random(60) < 0.5
        cosine = (rng.normal(size=60) + same).round(1)  # with ties
        fold = rng.integers(0, 5, 60)
        best = best_threshold(cosine, same)
        assert np.mean((cosine > best) == same) == pytest.approx(plain_threshold(cosine, same))
        found = fold_accuracies(cosine, same, fold)
        for number, accuracy in zip(np.unique(fold), found, strict=True):
            held = fold == number
            threshold = best_threshold(cosine[~held], same[~held])
            right = sum((c > threshold) == s for c, s in zip(cosine[held], same[held], strict=True))
            assert accuracy == right / held.sum()


def test_what_cannot_be_used_is_never_accepted():
    cosine, same = np.array([-1, -1, -1, 0.5, 0.6, 0.7, 0.1]), np.array([True] * 6 + [False])
    assert best_threshold(cosine, same) >= -1
    assert fold_accuracies(np.tile(cosine, 2), np.tile(same, 2), np.repeat([0, 1], 7)) == (
        pytest.approx([4 / 7] * 2)
    )
    accepting = np.array([-1, 0.2, 0.3]), np.array([True, True, False])
    assert best_threshold(*accepting) > -1 or (accepting[0] > best_threshold(*accepting)).sum() == 2


def test_perfect_scores_are_perfectly_accurate():
    same = np.repeat([True, False], 20)
    assert (fold_accuracies(same * 0.6 - 0.1, same, np.arange(40) % 10) == 1).all()
