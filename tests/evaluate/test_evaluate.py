import json

import cv2
import numpy as np
import pandas as pd
import pytest

from stages.errors import UserError
from stages.evaluate import evaluate, pixel_auc
from stages.split import split
from stages.train import train
from tests.faces import small_params, write_faces


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    params = small_params(**{"train.epochs": 16})
    write_faces(folder / "faces", people=20)
    split(
        params.split,
        params.attributes,
        params.seed,
        folder / "faces" / "faces.parquet",
        folder / "splits",
        folder / "reports",
    )
    train(params, folder / "faces", folder / "splits", folder / "models", folder / "history")
    return folder, params


def test_reports(run):
    folder, params = run
    args = folder / "faces", folder / "splits", folder / "models", folder / "reports"
    metrics = evaluate(params.evaluate, params.seed, *args)
    assert json.loads((folder / "reports" / "metrics.json").read_text()) == metrics
    assert evaluate(params.evaluate, params.seed, *args) == metrics
    assert all(value is None or value == round(value, 4) for value in metrics.values())
    assert metrics["identity_auc_low"] <= metrics["identity_auc"] <= metrics["identity_auc_high"]
    assert metrics["rank1"] <= metrics["rank5"]
    assert metrics["tar_at_far_1e-2"] <= metrics["tar_at_far_1e-1"]
    assert metrics["test_captures"] == 4 * metrics["test_people"]
    assert metrics["tar_at_far_1e-3"] is None  # 240 impostor pairs cannot tell
    assert metrics["gender_auc"] > 0.8
    points = pd.read_csv(folder / "reports" / "roc.csv")
    area = np.trapezoid(points["tar"], points["far"])
    assert area == pytest.approx(metrics["identity_auc"], abs=1e-3)
    for picture in ("roc.png", "probes.png"):
        assert cv2.imread(str(folder / "reports" / picture)).std() > 5


def test_crops_of_another_size_are_refused(run, tmp_path):
    folder, params = run
    array = np.load(folder / "faces" / "albedo.npy")
    np.save(tmp_path / "albedo.npy", array[..., :24, :24])
    with pytest.raises(UserError, match="trained on crops of 32 px"):
        evaluate(
            params.evaluate, 1, tmp_path, folder / "splits", folder / "models", tmp_path / "out"
        )


def test_pixel_auc_of_faces_that_are_told_apart_by_pixels():
    rng = np.random.default_rng(0)
    own = np.repeat(rng.normal(size=(5, 1, 40, 40)), 3, axis=0)
    names = np.repeat(list("abcde"), 3)
    assert pixel_auc(own + 0.1 * rng.normal(size=own.shape), [0.0], [1.0], names) == 1
    noise = rng.normal(size=(60, 1, 40, 40))
    assert pixel_auc(noise, [0.0], [1.0], np.repeat(names, 4)) == pytest.approx(0.5, abs=0.1)
