"""The page, from results made up here."""

import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pandas as pd
import pytest

import psface.commands.compare.comparison
from psface.commands.compare.charts import roc_chart
from psface.commands.compare.comparison_tables import comparison_table, marked, paired_table
from psface.commands.compare.experiments import Experiment
from psface.commands.compare.results import Result, by_run
from psface.errors import UserError
from psface.measures.conditions import by_condition
from psface.measures.identification import rank_gallery
from psface.measures.paired import measure
from psface.measures.quality import curves_table, reject_curve
from psface.report.plotting import plt
from psface.report.svg_charts import INK
from tests.browser import PAPER, answer
from tests.commands.compare.test_statistics import NAMES, embeddings
from tests.measures.scored_people import scores_of


def result(run: str, seed: int, noise: float, attributes: bool = True) -> Result:
    glasses = np.random.default_rng(1).choice(["no", "yes"], len(NAMES))
    labels = {"spectacles": list(glasses), "gender": list(np.repeat(["f", "m"] * 12, 5))}
    scores = scores_of(embeddings(noise, seed), NAMES, labels)
    metrics = {"eer": noise / 10, "rank1": 1 - noise / 5, "rank5": 1.0, "tar_at_far_1e-2": 0.5}
    metrics |= {"tar_at_far_1e-3": None, "pixel_auc": 0.6, "pca_auc": 0.8}
    details = {"test_people": 24, "test_captures": 120, "quality_gain_1e-2": 0.25}
    if attributes:
        metrics |= {"spectacles_auc": 0.9, "gender_auc": 0.8}
    leaks = [(a, p, 0.7) for a in ("spectacles", "gender") for p in ("linear", "mlp")]
    _, png = cv2.imencode(".png", np.full((40, 60, 3), 120, np.uint8))
    return Result(
        Experiment(run, seed, ("modality=all", f"train.seed={seed}")),
        metrics,
        details,
        scores,
        [0.6, 0.7, 0.8],
        {
            "conditions": by_condition(scores, rank_gallery(scores)),
            "leakage": pd.DataFrame(leaks, columns=["attribute", "probe", "auc"]),
            "reject": curves_table([reject_curve(scores, 1e-2)]),
        },
        dict.fromkeys(("probes", "conditions", "faces", "split"), png.tobytes()),
    )


@pytest.fixture
def results():
    return [
        result("good", 1, 0.8),
        result("bad", 1, 1.4, attributes=False),
        result("good", 2, 0.8),
        result("bad", 2, 1.4, attributes=False),
    ]


class Text(HTMLParser):
    """The words of a page, and every address in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words, self.addresses, self.open = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.addresses += [v for k, v in attributes if k in ("src", "href", "xlink:href")]

    def handle_data(self, data):
        self.words.append(data)


def render(results, settings, monkeypatch, tmp_path, missing=()):
    monkeypatch.setattr(
        psface.commands.compare.comparison, "read_results", lambda _: (results, list(missing))
    )
    attributes = {name: settings.attributes[name] for name in ("spectacles", "gender")}
    params = settings.model_copy(update={"attributes": attributes})
    runs = len({one.experiment.run for one in results})
    assert psface.commands.compare.comparison.compare(params, tmp_path) == (runs, list(missing))
    return (tmp_path / "comparison.html").read_text(encoding="utf-8")


def test_one_self_contained_page(results, settings, monkeypatch, tmp_path):
    page = render(results, settings, monkeypatch, tmp_path)
    text = Text(page)
    assert all(a.startswith(("data:", "#")) for a in text.addresses)
    assert not re.search(r"https?://(?!www\.w3\.org|purl\.org|creativecommons)", page)
    words = " ".join(" ".join(text.words).split())
    for said in ("24 people", "120 captures", "good", "bad", "Against good", "quality_gain_1e-2"):
        assert said in words
    assert "Unfinished" not in words
    assert page.count("data:image/webp") == 2 * 2 + 2
    assert page.count("<svg") == 4
    assert "nan" not in words.lower().replace("nano", "")


def test_each_section_says_what_its_numbers_do(results, settings, monkeypatch, tmp_path):
    page = render(results, settings, monkeypatch, tmp_path)
    table = pd.read_csv(tmp_path / "paired.csv").set_index(["run", "other"])
    row = table.loc[("good", "bad")]
    by = f"{row['difference']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"
    assert f"good beats bad by {by}." in page
    assert "good has the highest identity AUC" in page
    assert page.count('<p class="says">') == 9
    assert re.findall(r"<img(?![^>]*alt=)", page) == []
    assert page.count("<svg ") == page.count('role="img" aria-label="')


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser_and_on_paper(settings, monkeypatch, tmp_path, width, dark):
    """With more runs than a page is wide, under long names."""
    results = [result(f"run-with-a-name-{i}", 1, 0.8 + 0.1 * i) for i in range(9)]
    render(results, settings, monkeypatch, tmp_path)
    found, console = answer(
        tmp_path / "comparison.html",
        """const chart = document.querySelector("svg text"), of = getComputedStyle(document.body);
        return {width: innerWidth, over: document.documentElement.scrollWidth - innerWidth,
                page: of.backgroundColor, same: getComputedStyle(chart).fill == of.color};""",
        tmp_path, width, dark,
    )  # fmt: skip
    assert console == [] and found["width"] == width and found["over"] <= 0 and found["same"]
    assert found["page"] == ("rgb(20, 24, 27)" if dark else "rgb(255, 255, 255)")
    right, _ = answer(
        tmp_path / "comparison.html",
        """return Math.max(...[...document.querySelectorAll("table, svg, img, pre")].map(
            (e) => e.getBoundingClientRect().right));""",
        tmp_path, on_paper=True,
    )  # fmt: skip
    assert right <= PAPER


def test_what_is_missing_is_said(results, settings, monkeypatch, tmp_path):
    page = render(results, settings, monkeypatch, tmp_path, missing=("good-s3", "bad-s3"))
    assert "Unfinished:</strong> good-s3, bad-s3" in page


def test_data_without_attributes(settings, monkeypatch, tmp_path):
    results = [result("good", 1, 0.8), result("bad", 1, 1.4)]
    for one in results:
        for name in ("conditions", "leakage"):
            one.tables[name] = one.tables[name].iloc[:0]
    page = render(results, settings, monkeypatch, tmp_path)
    for section in ("attributes", "leakage", "conditions"):
        assert f'id="{section}"' not in page
    assert 'id="probes"' in page and 'id="roc"' in page


def test_detectors_are_shown_where_they_were_surveyed(results, settings, monkeypatch, tmp_path):
    assert 'id="detectors"' not in render(results, settings, monkeypatch, tmp_path)
    columns = "detector,licence,parameters,weight_bytes,precision,recall,average_precision"
    (tmp_path / "survey").mkdir()
    (tmp_path / "survey" / "survey.csv").write_text(
        f"{columns},landmark_error,faces,ms_at_320,ms_at_640,video_fps,peak_mib\n"
        "mtcnn,MIT,495850,1983400,1.0,0.9,0.85,0.06,43,20.0,40.0,57.9,600\n"
        "dlib-hog,BSL-1.0,,,0.9,0.95,0.9,,43,5.0,19.9,48.0,232\n"
    )
    page = render(results, settings, monkeypatch, tmp_path)
    section = page[page.index('id="detectors"') : page.index('id="parameters"')]
    words = " ".join(" ".join(Text(section).words).split())
    assert "Average precision is between 0.8500 (mtcnn) and 0.9000 (dlib-hog)." in words
    for said in ("43 annotated faces", "ms at 640 px", "mtcnn 0.850", "BSL-1.0", "495850"):
        assert said in words
    assert 'class="best">0.900' in section and "nan" not in words.lower()


def test_names_are_escaped(settings, monkeypatch, tmp_path):
    results = [result("a<b", 1, 0.8), result("c", 1, 1.0)]
    page = render(results, settings, monkeypatch, tmp_path)
    assert "a&lt;b" in page and "a<b" not in page


def test_the_best_of_each_column_is_marked(results):
    runs = by_run(results)
    measured = {run: measure([r.scores for r in seeds], 1) for run, seeds in runs.items()}
    table = comparison_table(runs, measured, ["spectacles", "gender"])
    assert table["seeds"].tolist() == [2, 2]
    assert table["EER"].tolist() == pytest.approx([0.08, 0.14])
    assert table["spectacles"].tolist()[0] == 0.9 and np.isnan(table["spectacles"].tolist()[1])
    good, bad = marked(
        table, [("identity AUC", True), ("EER", False), ("rank-5", True), ("pixel AUC", None)]
    )
    assert good["best"] == ["identity AUC", "EER", "rank-5"]
    assert bad["best"] == ["rank-5"]
    paired = paired_table(measured)
    assert paired["difference"].tolist() == pytest.approx([-d for d in paired["difference"][::-1]])
    assert paired["p"].max() < 0.05


def test_charts_take_the_pages_colour(results):
    svg = roc_chart(by_run(results))
    assert svg.startswith("<svg") and "currentColor" in svg and INK not in svg
    assert svg == roc_chart(by_run(results))
    assert "width=" not in svg.partition(">")[0]
    for name in ("good", "bad"):
        assert f">{name}</text>" in svg


def test_charts_print_names_as_they_are_and_leave_the_settings_of_plots(results):
    before = dict(plt.rcParams)
    named = {"ba$$in": results[:1], "$x^2$": results[1:2]}
    for _ in range(2):
        svg = roc_chart(named)
        assert all(f">{name}</text>" in svg for name in named)
    assert dict(plt.rcParams) == before


def test_nothing_done(settings, monkeypatch, tmp_path):
    monkeypatch.setattr("psface.commands.compare.results.finished", lambda *_: None)
    with pytest.raises(UserError, match=r"is finished \(all-s1, \.\.\.\); run `make exp"):
        psface.commands.compare.comparison.compare(settings, tmp_path)
