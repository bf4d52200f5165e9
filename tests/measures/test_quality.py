"""Error versus reject, against plain counting."""

import json
from dataclasses import replace

import numpy as np
import pytest

from psface.captures.capture import Capture
from psface.measures.quality import (
    REJECTED,
    correlation_within_people,
    curves_table,
    reject_curve,
    true_conditions,
)
from tests.measures.scored_people import scores_of


def population(informative: bool):
    """30 people x 4; noisy captures are short if length is to be informative."""
    rng = np.random.default_rng(6)
    noise = rng.uniform(0.1, 1.2, 120)
    faces = np.repeat(rng.normal(size=(30, 8)), 4, axis=0) + noise[:, None] * rng.normal(
        size=(120, 8)
    )
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    length = 1 / noise if informative else rng.uniform(1, 2, 120)
    return scores_of(faces * length[:, None], np.repeat([f"p{i:02}" for i in range(30)], 4))


def test_curve_against_counting():
    scores = population(True)
    curve = reject_curve(scores, 1e-2)
    impostors = np.sort(scores.cosine[~scores.same])[::-1]
    bar = impostors[int(1e-2 * len(impostors))]
    pairs = [
        (min(scores.magnitude[i], scores.magnitude[j]), c <= bar)
        for i, j, c, s in zip(scores.first, scores.second, scores.cosine, scores.same, strict=True)
        if s
    ]
    pairs.sort(key=lambda pair: pair[0])
    for share, fnmr, ideal in zip(REJECTED, curve.fnmr, curve.ideal, strict=True):
        out = int(share * len(pairs) + 1e-9)
        left = [missed for _, missed in pairs[out:]]
        assert fnmr == pytest.approx(sum(left) / len(left))
        missed = max(sum(m for _, m in pairs) - out, 0)
        assert ideal == pytest.approx(missed / len(left))
    assert curve.random == pytest.approx(np.full(len(REJECTED), curve.fnmr[0]))


def test_gain_tells_a_measure_of_quality_from_none():
    assert reject_curve(population(True), 1e-2).gain > 0.4
    assert abs(reject_curve(population(False), 1e-2).gain) < 0.25


def test_gain_of_ideal_rejection_is_one_and_without_errors_there_is_none():
    curve = reject_curve(population(True), 1e-2)
    assert replace(curve, fnmr=curve.ideal).gain == pytest.approx(1)
    assert replace(curve, fnmr=curve.random).gain == pytest.approx(0)
    nothing = np.zeros(len(REJECTED))
    assert replace(curve, fnmr=nothing, random=nothing, ideal=nothing).gain is None


def test_too_few_impostors():
    assert reject_curve(population(True), 1e-4) is None
    assert list(curves_table([]).columns) == ["fmr", "rejected", "fnmr", "random", "ideal"]


def test_true_conditions_are_read_where_a_capture_has_them(tmp_path):
    scores = scores_of(np.eye(3), np.array(["a", "b", "c"]))
    sessions = []
    for name, session, told in (("a", "s0", {"noise": 2.5, "yaw": -12.0}), ("b", "s1", None)):
        folder = tmp_path / name
        folder.mkdir()
        if told:
            (folder / "truth.json").write_text(json.dumps(told))
        sessions.append(Capture(name, session, (str(folder / "im0.bmp"),), np.eye(3)))
    truth = true_conditions(scores, sessions)
    assert truth.iloc[0].tolist() == [2.5, 12.0]
    assert truth.iloc[1:].isna().all(axis=None)


def test_correlation_is_taken_within_people():
    people = np.repeat(["a", "b"], 3)
    # Within each person magnitude falls as the condition rises; between them it is the reverse.
    magnitude = np.array([3.0, 2, 1, 13, 12, 11])
    condition = np.array([1.0, 2, 3, 100, 200, 300])
    assert correlation_within_people(magnitude, condition, people) == pytest.approx(-1)
    condition[1] = np.nan
    assert correlation_within_people(magnitude, condition, people) == pytest.approx(-1, abs=0.05)
    assert correlation_within_people(magnitude, np.full(6, np.nan), people) is None
    assert correlation_within_people(magnitude, np.ones(6), people) is None
    # One capture a person says nothing.
    assert correlation_within_people(magnitude, condition, np.arange(6)) is None
