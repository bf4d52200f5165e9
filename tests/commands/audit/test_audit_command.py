"""The whole audit by its command: tables, page and exit status."""

import base64
import csv
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from docs.made.parameters import Everything
from psface.commands.audit.audit_report import COLUMNS, SUMMARY, Report
from psface.commands.audit.auditing import audit
from psface.commands.audit.rules import Finding, rules_of
from psface.config import load
from psface.errors import UserError
from tests.commands.running import psface

HOME = Path(__file__).parents[3]


@pytest.fixture
def proper(tmp_path, save, picture):
    """A data set that breaks no rule: nine adults and a child."""
    root = tmp_path / "set"
    first = save(root / "adults/a0/1.png", picture)
    for group, name in [("adults", f"a{i}") for i in range(9)] + [("children", "c0")]:
        (root / group / name).mkdir(parents=True, exist_ok=True)
        if name != "a0":
            shutil.copy(first, root / group / name / "1.png")
    rows = [f"a{i},{'male' if i < 5 else 'female'},30" for i in range(9)]
    text = "\n".join(["identity,gender,age", *rows, "c0,female,5"])
    (root / "people.csv").write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, one_process, settings, lenient):
    """Exit status and what is printed, of the command with these arguments."""

    def run(*arguments, **changed):
        params = settings.model_copy(update={"audit": lenient.model_copy(update=changed)})
        monkeypatch.setattr("psface.commands.audit.audit_command.load", lambda _: params)
        out = ["--out", tmp_path / "out"] if "--out" not in arguments else []
        return psface("audit", *arguments, *out), *capsys.readouterr()

    return run


def read(path) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_data_set_that_meets_all(run, proper, tmp_path):
    status, printed, _ = run(proper, metadata="people.csv")
    assert status == 0 and "audit: 0 violations in 10 pictures" in printed
    rows = read(tmp_path / "out/findings.csv")
    assert tuple(rows[0]) == COLUMNS
    assert {row["verdict"] for row in rows} == {"ok", "not checked"}
    assert {row["rule"] for row in rows if row["verdict"] == "not checked"} == {
        "spectacles", "mask"
    }  # fmt: skip
    summary = {row["rule"]: row for row in read(tmp_path / "out/summary.csv")}
    assert tuple(summary["yaw"]) == SUMMARY
    assert (summary["yaw"]["checked"], summary["yaw"]["violated"]) == ("10", "0")
    assert summary["mask"]["note"] == "not checked: no model given"
    assert summary["age"]["checked"] == "10" and summary["male_share"]["checked"] == "1"
    assert re.search(r"mask +<= 0.5 +not checked: no model given", printed)


def test_without_metadata_that_is_said(run, proper):
    (proper / "people.csv").unlink()
    status, printed, _ = run(proper)
    assert status == 0
    for rule in ("metadata", "age", "male_share"):
        assert re.search(rf"{rule} .* not checked: no metadata table given", printed)


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.images, self.words, self.ids, self.open = [], [], set(), []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        if tag == "img":
            data = base64.b64decode(attrs["src"].removeprefix("data:image/jpeg;base64,"))
            self.images.append((attrs["alt"], cv2.imdecode(np.frombuffer(data, np.uint8), 1)))
        elif tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_violations_are_shown(run, proper, save, picture, tmp_path):
    odd = "adults/a0/<b>x & y\n.png"
    save(proper / odd, cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    (proper / "adults/a1/form.pdf").write_text("no picture")
    (proper / "adults/a2/broken.jpg").write_bytes(b"\xff\xd8")
    status, printed, _ = run(proper, metadata="people.csv")
    assert status == 1 and "audit: 3 violations in 12 pictures" in printed
    rows = read(tmp_path / "out/findings.csv")
    bad = {(row["rule"], row["path"]) for row in rows if row["verdict"] == "violation"}
    assert bad == {
        ("colour", odd), ("layout", "adults/a1/form.pdf"), ("readable", "adults/a2/broken.jpg")
    }  # fmt: skip
    [colour] = [row for row in rows if (row["rule"], row["path"]) == ("colour", odd)]
    assert (colour["value"], colour["limits"]) == ("0.0", ">= 4")
    assert len([row for row in rows if row["rule"] == "yaw"]) == 12

    text = (tmp_path / "out/audit.html").read_text(encoding="utf-8")
    page = Page(text)
    [(about, image)] = page.images
    assert about == odd and max(image.shape) == 200
    assert np.abs(cv2.resize(picture, image.shape[1::-1]).mean() - image.mean()) < 12
    assert {"colour", "layout", "readable", "requirements"} <= page.ids
    words = " ".join(page.words)
    for part in ("adults/a1/form.pdf", "not a picture", "truncated", "min_face_share: 0.05", odd):
        assert part in words
    assert "<b>x" not in text and "http" not in text.replace("http://www.w3.org", "")


def test_names_that_are_no_text(run, proper, picture, save, tmp_path):
    name = os.fsdecode(b"adults/a0/\xff.jpg")
    save(proper / name, np.full_like(picture, 90))
    assert run(proper)[0] == 1
    told = r"adults/a0/\udcff.jpg"
    rows = read(tmp_path / "out/findings.csv")
    [faces] = [row for row in rows if (row["rule"], row["path"]) == ("faces", told)]
    assert faces["verdict"] == "violation"
    assert told in (tmp_path / "out/audit.html").read_text(encoding="utf-8")


def test_report_only(run, proper):
    (proper / "adults/a1/form.pdf").write_text("no picture")
    assert run(proper, "--report", metadata="people.csv")[0] == 0
    assert run(metadata="people.csv", root=str(proper))[0] == 1


def test_what_cannot_be_audited(run, proper, tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments, changed, message in (
        ((tmp_path / "none",), {}, "none: No such file"),
        ((tmp_path / "empty",), {}, "empty: no pictures found"),
        ((proper,), {"metadata": "no.csv"}, "no.csv: No such file"),
        ((proper, "--out", proper / "report"), {}, "give another --out"),
        ((proper, "--out", proper / "people.csv" / "x"), {}, "give another --out"),
    ):
        status, printed, error = run(*arguments, **changed)
        assert (status, printed) == (2, "") and message in error
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    status, _, error = run(proper, "--out", blocked)
    assert status == 2 and "give another --out" in error
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_nothing_half_written_stays(proper, lenient, tmp_path, one_process, monkeypatch):
    def dies(*_):
        raise UserError("a worker was killed")

    monkeypatch.setattr("psface.commands.audit.auditing.judge", dies)
    with pytest.raises(UserError, match="killed"):
        audit(lenient, proper, tmp_path / "out", 1)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_same_again_in_several_processes(proper, lenient, tmp_path, monkeypatch):
    names = ("findings.csv", "summary.csv", "audit.html")
    texts = []
    for cpus in (1, 2):
        monkeypatch.setattr("psface.parallel.available_cpus", lambda cpus=cpus: cpus)
        audit(lenient, proper, tmp_path / "out", 1)
        texts.append([(tmp_path / "out" / name).read_bytes() for name in names])
    assert texts[0] == texts[1]


def test_examples_are_drawn_evenly_and_bounded(settings, tmp_path):
    rules = rules_of(settings.audit)
    drawn = np.zeros(40)
    for seed in range(150):
        with Report(tmp_path / "out", rules, 4, seed) as report:
            for number in range(40):
                report.add([Finding("yaw", "violation", 50.0, path=str(number))], b"x")
            examples = report.accounts["yaw"].examples
            assert len(examples) == 4
            drawn[[int(example.about) for example in examples]] += 1
    assert drawn.sum() == 600 and drawn.min() > 3 and drawn.max() < 32


def test_as_a_user_runs_it(proper, tmp_path):
    """In a process of its own, with the committed parameters: five pictures each are wanted."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "psface", "audit"]
    arguments = [*command, str(proper), "--out", str(tmp_path / "o")]
    done = subprocess.run(arguments, cwd=HOME, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.search(r"pictures +>= 5 +10 +10", done.stdout)
    assert "audit: 100%" in done.stderr
    assert "Exit status: 0" in " ".join(
        subprocess.run([*command, "--help"], cwd=HOME, capture_output=True, text=True)
        .stdout.split()
    )  # fmt: skip


def test_parameters_that_contradict(settings, tmp_path):
    text = (HOME / "params.yaml").read_text()
    for before, after, message in (
        ("min_side: 160", "min_side: 9999", "min_side must not exceed max_side"),
        ("  children: children", "  children: adults", "two different folder names"),
        ("max_yaw: 30.0", "max_yaw: 100.0", "audit.max_yaw"),
    ):
        assert text.count(before) == 1
        (tmp_path / "params.yaml").write_text(text.replace(before, after))
        with pytest.raises(UserError, match=message):
            load(Everything, tmp_path / "params.yaml")
