"""Pictures of each, ages, and the two ratios."""

import pytest

from psface.commands.audit.data_set import Entry
from psface.commands.audit.people import Identities, read_people
from psface.commands.audit.rules import rules_of
from psface.errors import UserError


def table(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "people.csv"
    path.write_bytes(text.encode(encoding))
    return path


def judged(params, folders, people=None) -> dict:
    """Findings by rule, of identities with so many pictures."""
    identities = Identities()
    for (group, name), count in folders.items():
        identities.add(Entry("identity", group, name, f"{group}/{name}"), False)
        for _ in range(count):
            identities.add(Entry("picture", group, name, "x"), True)
    out: dict = {}
    for finding in identities.findings(params, rules_of(params), people):
        out.setdefault(finding.rule, []).append(finding)
    return out


def verdicts(findings) -> list:
    return [f.verdict for f in findings]


def test_the_table(tmp_path):
    text = "﻿Identity , gender,age\nan,F,33\n Bình ,male,6.5\ncy,,\n"
    people = read_people(table(tmp_path, text)).people
    assert {name: (p.gender, p.age) for name, p in people.items()} == {
        "an": ("female", 33), "Bình": ("male", 6.5), "cy": ("", None)
    }  # fmt: skip
    assert not any(p.problems for p in people.values())


def test_rows_that_cannot_be_used(tmp_path, lenient):
    text = "identity,gender,age\nan,woman,33\nbo,m,old\nbo,f,3\ncy,f,-1\ndi,f,nan\n,f,3\nxx,f,3\n"
    people = read_people(table(tmp_path, text))
    folders = {("adults", name): 1 for name in ("an", "bo", "cy", "di")}
    findings = judged(lenient, folders, people)
    assert {f.identity: f.note for f in findings["metadata"]} == {
        "an": "gender 'woman': write male or female",
        "bo": "age 'old': write a number of years; line 4 repeats the identity",
        "cy": "age '-1': write a number of years",
        "di": "age 'nan': write a number of years",
        "": "line 7 has no identity",
        "xx": "no such identity in the data set",
    }
    assert set(verdicts(findings["metadata"])) == {"violation"}
    # bo's first row holds, and an's gender is not known.
    assert findings["male_share"][0].note == "1 male, 2 female, 1 unknown"


@pytest.mark.parametrize("content", [b"identity\nan\n\xff\xfe\n", b'identity\nan\n"never closed\n'])
def test_a_line_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"people\.csv, line 3: "):
        read_people(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"name,age\n1,2\n", b"identity,identity\n1,2\n"],
)  # fmt: skip
def test_no_table(tmp_path, content):
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"people\.csv: .*identity"):
        read_people(path)


def test_a_missing_table(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv: No such file"):
        read_people(tmp_path / "none.csv")


def test_pictures_of_each(lenient):
    params = lenient.model_copy(update={"min_pictures": 3})
    findings = judged(params, {("adults", "an"): 3, ("adults", "bo"): 2, ("children", "cy"): 0})
    assert [(f.identity, f.value, f.verdict) for f in findings["pictures"]] == [
        ("an", 3, "ok"), ("bo", 2, "violation"), ("cy", 0, "violation")
    ]  # fmt: skip


def test_unreadable_pictures_do_not_count():
    identities = Identities()
    entry = Entry("picture", "adults", "an", "adults/an/1.png")
    identities.add(entry, True)
    identities.add(entry, False)
    assert identities.pictures == {("adults", "an"): 1}


def test_an_identity_in_both_groups(lenient):
    findings = judged(lenient, {("adults", "an"): 1, ("children", "an"): 1, ("adults", "bo"): 1})
    assert [(f.identity, f.value, f.verdict, f.note) for f in findings["one_group"]] == [
        ("an", 2, "violation", "in adults and children"), ("bo", 1, "ok", "")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("adults", "children", "verdict"),
    [(9, 1, "ok"), (17, 3, "ok"), (19, 1, "ok"), (8, 2, "violation"), (20, 1, "violation"),
     (0, 3, "violation"), (0, 0, "not measurable")],
)  # fmt: skip
def test_adults_to_children(lenient, adults, children, verdict):
    folders = {("adults", f"a{i}"): 1 for i in range(adults)}
    folders |= {("children", f"c{i}"): 1 for i in range(children)}
    [finding] = judged(lenient, folders | {("", "other"): 1})["adult_share"]
    assert finding.verdict == verdict
    if adults + children:
        assert finding.value == pytest.approx(adults / (adults + children), abs=1e-3)
        assert finding.note == f"{adults} adults, {children} children"


@pytest.mark.parametrize(
    ("male", "female", "verdict"),
    [(10, 10, "ok"), (11, 9, "ok"), (9, 11, "ok"), (12, 8, "violation"), (0, 3, "violation")],
)
def test_male_to_female(tmp_path, lenient, male, female, verdict):
    rows = [f"p{i},{'male' if i < male else 'female'}" for i in range(male + female)]
    people = read_people(table(tmp_path, "\n".join(["identity,gender", *rows, "q,"])))
    folders = {("adults", f"p{i}"): 1 for i in range(male + female)}
    findings = judged(lenient, folders | {("adults", "q"): 1, ("adults", "no row"): 1}, people)
    [finding] = findings["male_share"]
    assert finding.verdict == verdict
    assert finding.note == f"{male} male, {female} female, 2 unknown"
    assert verdicts(findings["age"]) == ["not checked"]


def test_ages(tmp_path, lenient):
    text = "identity,age\nan,8\nbo,7\ncy,7\ndi,7.5\n"
    people = read_people(table(tmp_path, text))
    folders = {("adults", "an"): 1, ("adults", "bo"): 1, ("children", "cy"): 1}
    folders |= {("children", "di"): 1, ("children", "el"): 1, ("", "fi"): 1}
    findings = judged(lenient, folders, people)
    assert [(f.identity, f.verdict) for f in findings["age"]] == [
        ("an", "ok"), ("bo", "violation"), ("cy", "ok"), ("di", "violation"),
        ("el", "not measurable"),
    ]  # fmt: skip
    assert findings["male_share"][0].verdict == "not checked"


def test_without_a_table_nothing_is_passed(lenient):
    findings = judged(lenient, {("adults", "an"): 1})
    for rule in ("metadata", "age", "male_share"):
        assert [(f.verdict, f.note) for f in findings[rule]] == [
            ("not checked", "no metadata table given")
        ]
