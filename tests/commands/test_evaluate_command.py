"""psface evaluate on scores of any system."""

import re

import cv2
import numpy as np
import pandas as pd
import pytest

from psface.measures.scores import read_scores, write_scores
from tests.browser import PAPER, answer, printed
from tests.commands.running import psface, refused
from tests.measures.scored_people import scores_of

TABLES = (
    "errors", "det", "failures", "identification", "fnir", "cmc", "groups", "group_pairs",
    "group_indices",
)  # fmt: skip


@pytest.fixture(scope="module")
def scores():
    """24 people of four captures each, of two kinds."""
    rng = np.random.default_rng(0)
    names = np.repeat([f"p{i:02}" for i in range(24)], 4)
    faces = np.repeat(rng.normal(size=(24, 6)), 4, axis=0) + 0.7 * rng.normal(size=(96, 6))
    return scores_of(faces, names, {"kind": np.repeat(["a", "b"] * 12, 4).tolist()})


@pytest.fixture
def listed(scores, tmp_path):
    """The same scores as a plain table, and the kinds of people as another."""
    names = np.char.add(np.char.add(scores.identity, "/"), scores.session)
    table = pd.DataFrame({
        "score": scores.cosine.astype(float), "reference_person": scores.identity[scores.second],
        "probe": names[scores.first], "probe_person": scores.identity[scores.first],
        "reference": names[scores.second],
    })  # fmt: skip
    table.to_csv(tmp_path / "scores.csv", index=False)
    kinds = {"person": np.unique(scores.identity), "kind": ["a", "b"] * 12}
    pd.DataFrame(kinds).to_csv(tmp_path / "kinds.csv", index=False)
    return tmp_path / "scores.csv", tmp_path / "kinds.csv"


def evaluate(*arguments: object) -> None:
    assert psface("evaluate", *arguments, "--resamples", 100) == 0


def test_a_list_gives_the_figures_of_our_own_file(scores, listed, tmp_path, capsys):
    write_scores(tmp_path / "scores.npz", scores)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    evaluate(tmp_path / "scores.npz", "--out", ours)
    said = capsys.readouterr().out
    assert f"auc                {read_scores(tmp_path / 'scores.npz').verification.auc}" in said
    evaluate(listed[0], "--groups", listed[1], "--out", theirs)
    for name in ("errors", "det", "groups", "group_pairs", "group_indices"):
        one, other = (pd.read_csv(out / f"{name}.csv") for out in (ours, theirs))
        pd.testing.assert_frame_equal(one, other)
    for out in (ours, theirs):
        for name in ("det", "identification", "groups"):
            assert cv2.imread(str(out / f"{name}.png")).std() > 5
    page = (ours / "report.html").read_text()
    for words in ("How good?", "24 people, 96 captures", "Identification", "GARBE"):
        assert words in page
    assert "Failed captures are not known" in page and "nan" not in re.sub('base64,[^"]*', "", page)
    assert "not every probe was compared" in (theirs / "report.html").read_text()


def test_bob_s_csv_gives_the_figures_of_our_own_file(scores, listed, tmp_path, capsys):
    write_scores(tmp_path / "scores.npz", scores)
    ours, theirs, bob = tmp_path / "ours", tmp_path / "theirs", tmp_path / "bob" / "scores.csv"
    bob.parent.mkdir()
    evaluate(tmp_path / "scores.npz", "--out", ours, "--bob", bob)
    written = pd.read_csv(bob)
    assert (written["score"] == scores.cosine.astype(float)).all()  # to the last digit
    genuine = written["probe_subject_id"] == written["bio_ref_subject_id"]  # as bob splits them
    assert (genuine == scores.same).all()
    written.sample(frac=1, random_state=0).to_csv(bob, index=False)  # the order tells nothing
    evaluate(bob, "--groups", listed[1], "--out", theirs)
    for name in ("errors", "det", "groups", "group_pairs", "group_indices"):
        one, other = (pd.read_csv(out / f"{name}.csv") for out in (ours, theirs))
        pd.testing.assert_frame_equal(one, other, rtol=1e-12)
    refused(capsys, "leave out --bob", "evaluate", bob, "--bob", bob)


def test_attempts_of_another_system(scores, listed, tmp_path, capsys):
    people = np.unique(scores.identity)
    rows = [f"{name},6,2" for name in people] + ["lost,3,3"]
    attempts = tmp_path / "attempts.csv"
    attempts.write_text("\n".join(["person,captures,failed", *rows]))
    out = tmp_path / "out"
    evaluate(listed[0], "--groups", listed[1], "--attempts", attempts, "--out", out)
    rates = pd.read_csv(out / "failures.csv").set_index("rate")
    assert rates.loc["FTA", ["of", "failed"]].tolist() == [24 * 6, 24 * 2]
    assert rates.loc["FTE", ["of", "failed"]].tolist() == [25, 1]
    row = pd.read_csv(out / "errors.csv").iloc[0]
    assert row["frr"] == pytest.approx(1 / 3 + 2 / 3 * row["fnmr"])
    groups = pd.read_csv(out / "groups.csv")
    assert groups[groups["rate"] == "FTA"]["value"].tolist() == pytest.approx([1 / 3] * 2)
    for line, match in (
        ("p00,2,3", "line 2: captures and failed"), ("p00,3,3", "line 2: all captures of p00"),
        ("lost,3,1", "line 2: lost is not in the scores, but"), ("p01,2,1", "line 3: p01 is there"),
    ):  # fmt: skip
        attempts.write_text("\n".join(["person,captures,failed", line, *rows[1:]]))
        refused(capsys, match, "evaluate", listed[0], "--attempts", attempts, "--out", out)
    attempts.write_text("\n".join(["person,captures,failed", *rows[1:]]))
    refused(capsys, "no line for p00", "evaluate", listed[0], "--attempts", attempts, "--out", out)


def test_equal_scores_and_few_people_still_make_a_page(tmp_path):
    path, out = tmp_path / "flat.csv", tmp_path / "out"
    rows = [f"a{i},b{j},0.5,{int(i == j)}" for i in range(6) for j in range(6)]
    path.write_text("\n".join(["probe,reference,score,same", *rows]))
    evaluate(path, "--out", out)
    for name in TABLES:
        assert (out / f"{name}.csv").exists()
    first = pd.read_csv(out / "errors.csv").iloc[0]
    assert (first["fnmr"], first["threshold"], first["fmr_seen"]) == (1, np.inf, 0)
    assert pd.read_csv(out / "cmc.csv")["hit_rate"].tolist() == [0] * 5 + [1]
    assert "Not told: no groups are known" in (out / "report.html").read_text()


def test_groups_that_contradict_themselves_are_refused(listed, tmp_path, capsys):
    kinds = tmp_path / "wrong.csv"
    for text, match in (
        ("person,kind\np00,a\np00,b\n", "line 3: p00 has another kind above"),
        ("name,kind\np00,a\n", "expected person or capture"),
        ("person\np00\n", "one for each attribute"),
        ("person,kind\nP00,a\n", "kind of nobody in .*scores.csv; use the names"),
        ("person,kind\n", "kind of nobody"),
    ):
        kinds.write_text(text)
        refused(capsys, match, "evaluate", listed[0], "--groups", kinds, "--out", tmp_path / "out")
    write = tmp_path / "scores.npz"
    write.write_bytes(b"")
    refused(capsys, "groups of its own", "evaluate", write, "--groups", kinds)


def test_groups_known_of_half_of_the_people_are_told(listed, tmp_path, capsys):
    lines = listed[1].read_text().splitlines()[:13]
    listed[1].write_text("\r\n".join(lines).replace(",", ";"))  # as Excel writes it in Europe
    evaluate(listed[0], "--groups", listed[1], "--out", tmp_path / "out")
    said = capsys.readouterr().err
    assert "kind is not known in 48 of 96 captures, which are in no group" in said
    pairs = pd.read_csv(tmp_path / "out" / "group_pairs.csv")
    assert pairs["fnmr_pairs"].sum() == 12 * 6


def test_the_page_prints(scores, tmp_path):
    write_scores(tmp_path / "scores.npz", scores)
    evaluate(tmp_path / "scores.npz", "--out", tmp_path / "out")
    page = tmp_path / "out" / "report.html"
    pdf = printed(page, tmp_path)
    assert pdf.startswith(b"%PDF") and b"/MediaBox [0 0 59" in pdf
    rights, console = answer(
        page,
        """return [...document.querySelectorAll("table, svg")].map(
            (e) => e.getBoundingClientRect().right);""",
        tmp_path, on_paper=True,
    )  # fmt: skip
    assert console == [] and len(rights) > 6 and max(rights) <= PAPER
