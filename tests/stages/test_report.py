"""The page of a small run, in a browser and on paper."""

import json
import re
import shutil
from html.parser import HTMLParser

import cv2
import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from psface.captures.capture import Capture
from psface.captures.capture_table import write_captures, write_refusals
from psface.errors import UserError
from psface.faces.trust_findings import ALL
from psface.report.face_sheet import draw_faces
from psface.report.finished_run import OF_A_RIG, read_run
from psface.training.loop import train
from stages.evaluate import evaluate
from stages.report import SHOWN, Sections, chosen_parameters, report
from stages.split import split
from tests.browser import PAPER, answer, printed
from tests.dependencies import ROOT
from tests.packed_faces import small_params, write_faces

SECTIONS = (
    "errors", "failures", "identification", "templates", "groups", "group-pairs", "attributes",
    "conditions", "quality", "probes", "captures", "split", "stereo", "training", "parameters",
    "terms",
)  # fmt: skip
FIRST_PAGE = 1032  # CSS px: the height of A4 without margins of 12 mm


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """All stages' files of 40 people, some of them drawn by hand."""
    folder = tmp_path_factory.mktemp("run")
    params = small_params(**{"train.epochs": 3, "split.test": 0.6, "split.val": 0.1})
    faces, reports, splits = (folder / name for name in ("faces", "reports", "splits"))
    table = write_faces(faces, people=40)
    reports.mkdir()
    split(params.split, params.attributes, params.seed, faces / "faces.parquet", splits,
          reports / "split.csv")  # fmt: skip
    train(params, faces, splits, folder / "models", reports / "training")
    captures = [
        Capture(row.identity, row.session, ("c/im0.bmp",), np.eye(3), {"gender": row.gender})
        for row in table.itertuples()
    ]
    write_captures(folder / "sessions.parquet", captures)
    for path in (faces / "failures.csv", folder / "rejected.csv"):
        write_refusals(path, [])
    evaluate(params, folder / "sessions.parquet", folder / "rejected.csv", faces, splits,
             folder / "models", reports)  # fmt: skip
    draw_faces(faces, reports / "faces.png")
    for name in ("rig", "trust"):
        cv2.imwrite(str(reports / f"{name}.png"), np.full((40, 90, 3), 200, np.uint8))
    errors = {"shift_error_px": 0.4, "angle_deg": 7.0, "depth_px": 7.3}
    (reports / "stereo.json").write_text(json.dumps(errors))
    (reports / "views" / "p01").mkdir(parents=True)
    (reports / "views" / "p01" / "s0.html").write_text("<p>a capture</p>")
    write_page(folder, params)
    return folder


def write_page(folder, params=None):
    ingest = (params or small_params()).ingest.model_copy(update={"root": "data/my faces"})
    report(
        Sections(modality="albedo", ingest=ingest), "seed: 1\n", folder / "sessions.parquet",
        folder / "rejected.csv", folder / "faces", folder / "reports",
        folder / "reports" / "report.html",
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(run):
    return run / "reports" / "report.html"


class Parsed(HTMLParser):
    """What a page refers to, its words, and what its pictures are called."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.words, self.ids, self.alts = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        of = dict(attributes)
        self.addresses += [of[key] for key in ("src", "href", "xlink:href") if key in of]
        self.ids += [of["id"]] if tag == "h2" else []
        if tag in ("img", "svg"):
            self.alts.append(of.get("alt") or of.get("aria-label") or "")

    def handle_data(self, data):
        self.words.append(data)


def test_one_file_with_every_section(page):
    text = page.read_text(encoding="utf-8")
    parsed = Parsed(text)
    assert set(SECTIONS) <= set(parsed.ids)
    inside = [a for a in parsed.addresses if not a.startswith(("data:", "#"))]
    assert inside == ["views/p01/s0.html"]
    assert not re.search(r"https?://(?!www\.w3\.org|purl\.org|creativecommons)", text)
    assert len(parsed.alts) >= 11 and all(len(alt) > 15 for alt in parsed.alts)
    words = " ".join(" ".join(parsed.words).split())
    assert "Data set: my faces (photoface layout), 160 captures of 40 people" in words
    assert not re.search(r"\b(nan|None)\b", words)


def test_each_section_says_something(page):
    text = page.read_text(encoding="utf-8")
    for part in text.split("<h2 id=")[1:-1]:
        assert '<p class="says">' in part, part[:60]


def test_the_sentences_are_of_the_tables(run, page):
    words = " ".join(" ".join(Parsed(page.read_text(encoding="utf-8")).words).split())
    cmc = pd.read_csv(run / "reports" / "cmc.csv")
    assert f"{cmc['hit_rate'][0]:.1%} of the probes find their person first" in words
    metrics = json.loads((run / "reports" / "metrics.json").read_text())
    assert f"AUC {metrics['identity_auc']:.4f} [" in words
    assert "normals are 7.0° off on average" in words
    assert "1 are in doubt" in words or "1 is in doubt" in words


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser(page, tmp_path, width, dark):
    found, console = answer(
        page,
        """const style = getComputedStyle(document.body);
        const chart = document.querySelector("svg text");
        return {width: innerWidth, over: document.documentElement.scrollWidth - innerWidth,
                page: style.backgroundColor, ink: style.color,
                chart: getComputedStyle(chart).fill, broken: [...document.images]
                .filter(i => i.complete && !i.naturalWidth).length};""",
        tmp_path, width, dark,
    )  # fmt: skip
    assert console == []
    assert found["width"] == width and found["over"] <= 0 and found["broken"] == 0
    assert found["page"] == ("rgb(20, 24, 27)" if dark else "rgb(255, 255, 255)")
    assert found["chart"] == found["ink"]


def test_on_paper_no_table_is_cut_and_the_first_page_answers(page, tmp_path):
    found, _ = answer(
        page,
        """const right = (e) => e.getBoundingClientRect().right + scrollX;
        const parts = [...document.querySelectorAll("table, svg, img, pre")];
        return {width: innerWidth, right: Math.max(...parts.map(right)), parts: parts.length,
                cells: [...document.querySelectorAll("td")]
                .filter(c => c.scrollWidth > c.clientWidth + 1).length,
                answers: document.querySelector("dl").getBoundingClientRect().bottom};""",
        tmp_path, on_paper=True,
    )  # fmt: skip
    assert found["width"] == PAPER and found["parts"] > 20
    assert found["right"] <= PAPER and found["cells"] == 0
    assert found["answers"] < FIRST_PAGE
    pdf = printed(page, tmp_path)
    assert pdf.startswith(b"%PDF") and b"/MediaBox [0 0 59" in pdf


def test_the_same_run_gives_the_same_page(run, page):
    before = page.read_bytes()
    write_page(run)
    assert page.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "stage"),
    [("facts.json", "evaluate"), ("stereo.json", "stereo"), ("faces.png", "crop")],
)
def test_what_is_missing_names_its_stage(run, tmp_path, name, stage):
    reports = tmp_path / "reports"
    shutil.copytree(run / "reports", reports)
    (reports / name).unlink()
    with pytest.raises(UserError, match=rf"{name}: missing; run `dvc repro {stage}`"):
        read_run(run / "sessions.parquet", run / "rejected.csv", run / "faces", reports)


def test_the_page_shows_the_parameters_that_it_depends_on():
    pipeline = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]["report"]
    assert pipeline["params"] == list(SHOWN)
    shown = YAML(typ="safe").load(chosen_parameters())
    assert list(shown) == sorted(SHOWN, key=list(shown).index) and set(shown) == set(SHOWN)
    assert shown["attributes"]["spectacles"]["without"] == ["no"]  # as text, not false


def test_findings_of_a_rig_are_not_captures():
    assert OF_A_RIG == ALL
