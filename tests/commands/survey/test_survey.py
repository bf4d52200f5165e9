"""The survey: what it reports of detectors, and what it says of those it cannot run."""

import json
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pandas as pd
import pytest

from psface.captures.media import Picture, read_media, read_picture
from psface.commands.compare.comparison import detectors_table
from psface.commands.scenes.scene_set import scenes
from psface.commands.survey.detector_cost import measure
from psface.commands.survey.panning_video import FRAMES_EACH, HEIGHT, WIDTH, make_video
from psface.commands.survey.survey_params import SurveyedDetector, SurveyParams
from psface.commands.survey.surveying import survey
from psface.detect.annotations import read_annotations
from psface.errors import UserError

HAAR = SurveyedDetector(detector="opencv-haar", min_face_size=30.0)


@pytest.fixture(scope="module")
def photographs(settings, tmp_path_factory):
    """Annotated pictures of simulated people, not easy for all."""
    folder = tmp_path_factory.mktemp("photographs")
    scenes(settings.scenes.model_copy(update={"train": 1, "test": 4}), 1, folder)
    return folder / "test" / "label.txt"


def params(label, detectors, **changed) -> SurveyParams:
    given = {"annotations": str(label), "format": "wider", "images": "", "sides": [160, 320]}
    return SurveyParams(**{**given, "video_frames": 6, "detectors": detectors, **changed})


def test_survey(photographs, tmp_path):
    detectors = {
        "haar": HAAR,
        "mtcnn": SurveyedDetector(detector="mtcnn", min_face_size=40.0),
        "own": SurveyedDetector(detector="mtcnn", weights=str(tmp_path / "none.safetensors")),
        "yolo": SurveyedDetector(detector="yolo-face"),
    }
    table, unavailable = survey(params(photographs, detectors), tmp_path)
    assert list(table["detector"]) == ["mtcnn", "haar"]  # the better first
    assert set(unavailable) == {"own", "yolo"}
    assert "none.safetensors" in unavailable["own"] and "weights=" in unavailable["yolo"]

    mtcnn, haar = table.to_dict("records")
    assert mtcnn["recall"] >= 0.8 and mtcnn["landmark_error"] < 0.1
    assert np.isnan(haar["landmark_error"])
    assert mtcnn["parameters"] == 495850 and haar["parameters"] == 3 * 2913
    for row in (mtcnn, haar):
        assert min(row["ms_at_160"], row["ms_at_320"], row["video_fps"]) > 0
        assert 20 < row["peak_mib"] < 4000
    assert mtcnn["peak_mib"] > haar["peak_mib"] + 50  # torch is in one process only

    written = pd.read_csv(tmp_path / "survey.csv")
    assert list(written["detector"]) == ["mtcnn", "haar"]
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["mtcnn"]["recall"] == pytest.approx(mtcnn["recall"], abs=1e-4)
    assert metrics["haar"]["landmark_error"] is None
    assert cv2.imread(str(tmp_path / "survey.png")).std() > 5

    shown = detectors_table(tmp_path / "survey.csv")
    assert [row["detector"] for row in shown["rows"]] == ["mtcnn", "haar"]
    assert "average_precision" in shown["rows"][0]["best"]
    assert {name for name, *_ in shown["columns"]} <= shown["rows"][0].keys()
    assert detectors_table(tmp_path / "none.csv") is None


def test_one_that_fails_costs_the_others_nothing(photographs, tmp_path):
    (tmp_path / "w.onnx").write_bytes(b"no model")
    detectors = {
        "haar": HAAR,
        "broken": SurveyedDetector(detector="retinaface", weights=str(tmp_path / "w.onnx")),
    }
    out = tmp_path / "out"
    table, unavailable = survey(params(photographs, detectors, sides=[96]), out)
    assert list(table["detector"]) == ["haar"] and set(unavailable) == {"broken"}
    assert (out / "survey.csv").exists()


def test_an_error_of_a_package_is_said(photographs):
    """Picklable ones come out of the process as they are."""
    gone = [
        replace(p, path=p.path.with_name("gone.jpg"))
        for p in read_annotations(photographs, "wider")
    ]
    missing = [replace(p, boxes=None) for p in read_annotations(photographs, "wider")]
    with pytest.raises(UserError, match=r"gone\.jpg"):
        measure("haar", HAAR, gone, photographs, [96])
    with pytest.raises(UserError, match=r"haar: \w+Error: "):
        measure("haar", HAAR, missing, photographs, [96])


def test_nothing_to_survey(photographs, tmp_path):
    only = {"yolo": SurveyedDetector(detector="yolo-face")}
    with pytest.raises(UserError, match=r"no detector can be surveyed: yolo: .*weights="):
        survey(params(photographs, only), tmp_path)
    with pytest.raises(UserError, match=r"none\.txt"):
        survey(params(tmp_path / "none.txt", only), tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_video_moves_over_the_photographs(photographs, tmp_path):
    pictures = read_annotations(photographs, "wider")
    make_video(pictures, tmp_path / "video.mp4", 2 * FRAMES_EACH + 3)
    frames = list(read_media(tmp_path / "video.mp4"))
    assert len(frames) == 2 * FRAMES_EACH + 3
    assert all(isinstance(frame, Picture) for frame in frames)
    images = [frame.image.astype(float) for frame in frames]
    assert images[0].shape == (HEIGHT, WIDTH, 3)
    steps = [abs(b - a).mean() for a, b in pairwise(images)]
    cuts = [FRAMES_EACH - 1, 2 * FRAMES_EACH - 1]
    assert min(steps[i] for i in cuts) > 2 * np.median(steps) > 1
    # No border is ever in view, where the photograph has none.
    photograph = read_picture(pictures[0].path)
    if (photograph[0] > 8).any():
        assert (images[0][0] > 8).any() and (images[0][:, -1] > 8).any()
