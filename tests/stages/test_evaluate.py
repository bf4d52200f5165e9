import json
from contextlib import contextmanager

import cv2
import numpy as np
import pandas as pd
import pytest

from psface.captures.capture import Capture, Refusal
from psface.captures.capture_table import write_captures, write_refusals
from psface.errors import UserError
from psface.measures.floors import project, small_faces
from psface.measures.pairs import cosine_auc
from psface.model.spread_embedding import _loaded, embed_rows
from psface.parallel import using
from psface.report.error_report import read_errors
from psface.threads import one_thread_each
from psface.training.loop import train
from stages.evaluate import doubts_of, evaluate
from stages.split import split
from tests.described_metrics import undescribed
from tests.packed_faces import small_params, write_faces


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    params = small_params(**{"train.epochs": 24})
    write_faces(folder / "faces", people=20)
    split(
        params.split,
        params.attributes,
        params.seed,
        folder / "faces" / "faces.parquet",
        folder / "splits",
        folder / "ratios.csv",
    )
    train(params, folder / "faces", folder / "splits", folder / "models", folder / "history")
    faces = pd.read_parquet(folder / "faces" / "faces.parquet")
    captures = [
        Capture(row.identity, row.session, ("c/im0.bmp",), np.eye(3), {"gender": row.gender})
        for row in faces.itertuples()
    ]
    tried = np.unique(pd.read_csv(folder / "splits" / "gallery.csv", dtype=str)["identity"])
    lost = Capture(tried[0], "lost", ("c/im0.bmp",), np.eye(3), {"gender": ""})
    write_captures(folder / "sessions.parquet", [*captures, lost])
    write_refusals(folder / "faces" / "failures.csv", [Refusal(tried[0], "lost", "no face")])
    refused = [Refusal(tried[1], "black", "a black frame"), Refusal("nobody", "s0", "truncated")]
    write_refusals(folder / "rejected.csv", refused)
    return folder, params


def test_reports(run):
    folder, params = run
    names = ("sessions.parquet", "rejected.csv", "faces", "splits", "models", "reports")
    args = [folder / name for name in names]
    modality, metrics, details = evaluate(params, *args)
    assert modality == "albedo"
    reports = folder / "reports"
    assert json.loads((reports / "metrics.json").read_text()) == metrics
    written = {path.name: path.read_bytes() for path in reports.iterdir()}
    assert json.loads((reports / "details.json").read_text()) == details
    assert evaluate(params, *args) == (modality, metrics, details)
    assert {path.name: path.read_bytes() for path in reports.iterdir()} == written
    assert all(value is None or value == round(value, 4) for value in metrics.values())
    assert undescribed([*metrics, *details]) == []
    assert metrics["identity_auc_low"] <= metrics["identity_auc"] <= metrics["identity_auc_high"]
    assert metrics["rank1"] <= metrics["rank5"]
    assert metrics["tar_at_far_1e-2"] <= metrics["tar_at_far_1e-1"]
    assert details["test_captures"] == 4 * details["test_people"]
    assert metrics["tar_at_far_1e-3"] is None  # 240 impostor pairs cannot tell
    assert metrics["gender_auc"] > 0.7
    assert 0 <= metrics["gender_leak"] <= 1
    assert 0.5 < metrics["pixel_auc"] <= 1 and 0.5 < metrics["pca_auc"] <= 1
    points = pd.read_csv(reports / "roc.csv")
    area = np.trapezoid(points["tar"], points["far"])
    assert area == pytest.approx(metrics["identity_auc"], abs=1e-3)
    quality = pd.read_csv(reports / "quality.csv", keep_default_na=False)
    assert len(quality) == details["test_captures"]
    doubts = quality.set_index(["identity", "session"])["doubts"]
    assert doubts[doubts != ""].to_dict() in ({}, {("p01", "s0"): "a b"})
    assert details["doubted_captures"] == (doubts != "").sum()
    conditions = pd.read_csv(reports / "conditions.csv")
    assert set(conditions["attribute"]) - {"capture"} == set(params.attributes)
    pictures = ("roc", "probes", "conditions", "quality", "det", "identification", "groups")
    for picture in pictures:
        assert cv2.imread(str(reports / f"{picture}.png")).std() > 5
    check_errors(reports, metrics, details)


def check_errors(reports, metrics, details):
    """Two captures of test people failed, and one person of 21 gave none."""
    rates = pd.read_csv(reports / "failures.csv").set_index("rate")
    attempts = details["test_captures"] + 2
    assert rates.loc["FTA", ["of", "failed"]].tolist() == [attempts, 2]
    assert rates.loc["FTA at ingest", "failed"] == rates.loc["FTA at stereo or crop", "failed"] == 1
    assert rates.loc["FTE", ["of", "failed"]].tolist() == [21, 1]
    fta = 2 / attempts
    assert metrics["fta"] == pytest.approx(fta, abs=1e-4)
    for rate in ("1e-1", "1e-2"):
        fnmr = metrics[f"fnmr_at_fmr_{rate}"]
        assert fnmr == pytest.approx(1 - metrics[f"tar_at_far_{rate}"], abs=2e-4)
        assert metrics[f"frr_at_fmr_{rate}"] == pytest.approx(fta + (1 - fta) * fnmr, abs=2e-4)
    assert metrics["fnmr_at_fmr_1e-3"] is None
    cmc = pd.read_csv(reports / "cmc.csv")["hit_rate"]
    assert cmc[0] == pytest.approx(metrics["rank1"], abs=1e-4)
    assert metrics["fnir_at_fpir_1e-1"] >= 1 - cmc[0] - 1e-4
    templates = pd.read_csv(reports / "templates.csv")
    assert templates["pooling"].tolist() == ["mean", "mean", "weighted", "mean", "weighted"]
    found = read_errors(reports)
    facts, errors = found.facts, found.tables["errors"]
    assert facts["auc"] == pytest.approx(metrics["identity_auc"], abs=1e-4)
    assert [facts[n] for n in ("people", "captures")] == [
        details[f"test_{n}"] for n in ("people", "captures")
    ]
    assert (errors["frr_low"] <= errors["frr"])[:2].all() and errors["note"].iloc[-1] != ""


def test_workers_give_what_this_process_gives(run):
    folder, _ = run
    model, faces, rows = folder / "models", folder / "faces", np.arange(70)
    here = embed_rows(model, faces, rows)
    asked = []

    @contextmanager
    def engine(description, total):
        asked.append((description, total))
        yield map

    with using(engine), one_thread_each():
        there = embed_rows(model, faces, rows)
    assert asked == [("embed", 2)]
    assert there.identity.tobytes() == here.identity.tobytes() and there.identity.shape[0] == 70
    assert there.attributes.keys() == here.attributes.keys()
    for task, probabilities in there.attributes.items():
        assert probabilities.tobytes() == here.attributes[task].tobytes()
    with pytest.raises(UserError, match="another model"):
        _loaded(model, "of another training")


def test_captures_in_doubt(tmp_path):
    write_faces(tmp_path)
    captures = pd.DataFrame({"identity": ["p01", "p01", "p02"], "session": ["s0", "s1", "s0"]})
    assert doubts_of(captures, tmp_path).tolist() == ["a b", "", ""]
    (tmp_path / "trust.csv").unlink()
    with pytest.raises(UserError, match=r"trust\.csv: missing; run `dvc repro crop`"):
        doubts_of(captures, tmp_path)


def test_crops_of_another_size_are_refused(run, tmp_path):
    folder, params = run
    array = np.load(folder / "faces" / "albedo.npy")
    np.save(tmp_path / "albedo.npy", array[..., :24, :24])
    rest = [folder / name for name in ("splits", "models")]
    tables = [folder / name for name in ("sessions.parquet", "rejected.csv")]
    with pytest.raises(UserError, match="trained on crops of 32 px"):
        evaluate(params, *tables, tmp_path, *rest, tmp_path / "out")


def pixel_auc(faces, mean, std, names):
    return cosine_auc(small_faces(faces, mean, std), names)


def test_eigenfaces_see_past_what_all_faces_vary_in():
    """A strong variation that is no one's own: whitening takes it down to size."""
    rng = np.random.default_rng(3)
    names = np.repeat([f"p{i}" for i in range(12)], 5)
    basis = rng.normal(size=(9, 200))

    def draw(people, count):
        own = np.repeat(rng.normal(size=(people, 8)), count, axis=0)
        light = 12 * rng.normal(size=(people * count, 1))
        return np.hstack([own, light]) @ basis + 0.05 * rng.normal(size=(people * count, 200))

    train, test = draw(30, 5), draw(12, 5)
    assert cosine_auc(project(train, test), names) > cosine_auc(test, names) + 0.1


def test_pixel_auc_of_faces_that_are_told_apart_by_pixels():
    rng = np.random.default_rng(0)
    own = np.repeat(rng.normal(size=(5, 1, 40, 40)), 3, axis=0)
    names = np.repeat(list("abcde"), 3)
    assert pixel_auc(own + 0.1 * rng.normal(size=own.shape), [0.0], [1.0], names) == 1
    noise = rng.normal(size=(60, 1, 40, 40))
    assert pixel_auc(noise, [0.0], [1.0], np.repeat(names, 4)) == pytest.approx(0.5, abs=0.1)
