import numpy as np
import pandas as pd
import pytest

from psface.errors import UserError
from psface.measures import score_columns
from psface.measures.score_lists import read_score_list

PLAIN = """probe,reference,score,probe_person,reference_person
a1,a2,0.9,anna,anna
a1,b1,0.2,anna,bo
b2,a2,0.1,bo,anna
b2,b1,0.75,bo,bo
"""
SCORES, SAME = [0.9, 0.2, 0.1, 0.75], [True, False, False, True]


def written(tmp_path, text, name="scores.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


def check(found):
    assert found.pairs.score.tolist() == SCORES and found.pairs.same.tolist() == SAME
    assert found.people == 2 and len(found.person) == 4
    for one, other in ((found.pairs.first, found.first), (found.pairs.second, found.second)):
        assert one.tolist() == found.person[other].tolist()
    assert found.searches is not None and found.searches.sizes == (2,)


def reordered(text, order, separator=","):
    lines = [line.split(",") for line in text.splitlines()]
    return "\n".join(separator.join(line[i] for i in order) for line in lines) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        reordered(PLAIN, (4, 2, 0, 3, 1)),
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\n\n"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";").replace("0.", "0,"),
        PLAIN.replace("probe,reference,score", "Probe,REFERENCE,Score"),
        PLAIN.replace("anna", '"anna"'),
        PLAIN.replace("\n", ",more\n"),
    ],
)
def test_plain_tables(tmp_path, text):
    check(read_score_list(written(tmp_path, text)))


def test_people_are_told_from_the_pairs_of_one_person(tmp_path):
    lines = ["same,score,reference,probe"]
    lines += ["1,0.9,a2,a1", "0,0.2,b1,a1", "false,0.1,a2,b2", "TRUE,0.75,b1,b2"]
    check(read_score_list(written(tmp_path, "\n".join(lines))))
    lines += ["1,0.5,b1,a2"]
    with pytest.raises(UserError, match="line 3: two people, but one person by a chain"):
        read_score_list(written(tmp_path, "\n".join(lines)))


@pytest.mark.parametrize("which", ["template", "reference"])
def test_bob_s_csv(tmp_path, which):
    header = f"probe_subject_id,bio_ref_{which}_id,score,bio_ref_subject_id,probe_{which}_id,age"
    rows = ["anna,1,0.9,anna,1,30", "anna,2,0.2,bo,1,30", "bo,1,0.1,anna,2,40", "bo,2,0.75,bo,2,40"]
    check(read_score_list(written(tmp_path, "\n".join([header, *rows]))))


def test_bob_s_csv_with_keys(tmp_path):
    header = "bio_ref_subject_id,probe_subject_id,key,score"
    rows = ["anna,anna,p1,0.9", "bo,anna,p1,0.2", "anna,bo,p2,0.1", "bo,bo,p2,0.75"]
    check(read_score_list(written(tmp_path, "\n".join([header, *rows]))))


def test_bob_s_columns(tmp_path):
    four = "anna anna x/1 0.9\nbo anna x/1 0.2\nanna bo y/1 0.1\nbo  bo\ty/1 0.75\n"
    path = written(tmp_path, four.replace("\t", " "), "scores-dev")
    check(read_score_list(path))
    five = "anna m1 anna x/1 0.9\nbo m2 anna x/1 0.2\nanna m1 bo y/1 0.1\nbo m2 bo y/1 0.75\n"
    check(read_score_list(written(tmp_path, five, "scores-dev")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PLAIN.replace("0.1", "nan"), "line 4: the score is nan; leave failed comparisons out"),
        (PLAIN.replace("0.1", "-inf"), "line 4: the score is -inf"),
        (PLAIN.replace("\n", "\r\n\r\n").replace("0.1", "inf"), "line 7: the score is inf"),
        (PLAIN.replace("0.1", "high"), "line 4: the score is 'high', which is no number"),
        (PLAIN.replace("0.1", ""), "line 4: the score is '', which is no number"),
        (PLAIN + "a1,b1,0.3,anna,bo\n", "lines 3 and 6: the same probe and reference"),
        (PLAIN + "b1,b1,1,bo,bo\n", "line 6: a capture compared with itself"),
        (PLAIN + "a1,c1,0.3,eve,bo\n", "line 6: a capture of a person that is another's"),
        (PLAIN + ",c1,0.3,eve,bo\n", "line 6: an empty name"),
        (PLAIN + "a1,c1,0.3\n", "not such a table .*Expected 5 columns, got 3"),
        (PLAIN.splitlines()[0], "no pairs in it"),
        ("\n".join(PLAIN.splitlines()[:2]), "only one kind found"),
        ("\n".join(PLAIN.splitlines()[:1] + PLAIN.splitlines()[2:4]), "only one kind found"),
        (PLAIN.replace("bo", "anna"), "only one kind found"),
        ("", "its first line is empty"),
        (PLAIN.replace("score", "cosine"), "its first line is `probe,reference,cosine"),
        (PLAIN.replace("probe_person", "score"), "duplicate column 'score'"),
        ("probe,reference,same,score\na,b,maybe,1\n", "line 2: same is 'maybe'"),
        (PLAIN.replace("score,", "score,same,"), "has `same` and people"),
    ],
)
def test_what_is_refused(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        read_score_list(written(tmp_path, text))


def test_a_file_is_read_in_parts(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    lines = ["probe,reference,score,probe_person,reference_person"]
    lines += [
        f"a{i},b{j},{rng.random():.6f},p{i % 9},p{j % 9}" for i in range(60) for j in range(50)
    ]
    path = written(tmp_path, "\n".join(lines))
    whole = read_score_list(path)
    monkeypatch.setattr(score_columns, "PART", 2000)
    parts = read_score_list(path)
    assert parts.pairs.score.tolist() == whole.pairs.score.tolist()
    for name in ("first", "second"):  # captures are numbered as they are found
        found, expected = (pd.factorize(getattr(of, name))[0] for of in (parts, whole))
        assert found.tolist() == expected.tolist()
        assert getattr(parts.pairs, name).tolist() == getattr(whole.pairs, name).tolist()
    lines[-1] = "a59,b49,nan,p5,p4"
    with pytest.raises(UserError, match="line 3001: the score is nan"):
        read_score_list(written(tmp_path, "\n".join(lines)))
    blanks = "\n".join(f"p{j} p{i} a{i} {i - j}" for i in range(300) for j in range(9))
    found = read_score_list(written(tmp_path, blanks, "scores-eval"))
    assert found.pairs.score.tolist() == [i - j for i in range(300) for j in range(9)]


def test_groups_of_people_and_of_captures(tmp_path):
    path = written(tmp_path, PLAIN)
    found = read_score_list(path, {"gender": {"anna": "f", "bo": "m"}, "pose": {"b1": "side"}})
    assert found.classes["gender"].tolist() == ["f", "m"]
    assert found.labels["gender"].tolist() == found.person.tolist()
    assert sorted(found.labels["pose"].tolist()) == [-1, -1, -1, 0]


def test_no_searches_where_some_were_not_compared(tmp_path):
    lines = PLAIN.splitlines()
    found = read_score_list(written(tmp_path, "\n".join([*lines, "c1,b1,0.4,cy,bo"])))
    assert found.searches is None and "not every probe" in found.no_searches
