import numpy as np
import pytest

from psface.measures.attribute_scores import attribute_scores
from psface.measures.identification import rank_gallery
from psface.tasks import UNKNOWN
from tests.measures.scored_people import scores_of


def test_ranks():
    embeddings = [[1, 0], [0, 1], [-1, 0], [5, 1], [0.2, 0.1], [-0.3, 2]]
    ranking = rank_gallery(scores_of(embeddings, np.array(list("abcabc"))))
    assert ranking.order.tolist() == [[0, 1, 2], [0, 1, 2], [1, 2, 0]]
    assert ranking.probe_ids.tolist() == ranking.gallery_ids.tolist() == ["a", "b", "c"]
    assert ranking.hits.tolist() == [True, False, False]
    assert ranking.rate(1) == pytest.approx(1 / 3)
    assert ranking.rate(2) == 1


def test_the_gallery_may_stand_anywhere():
    embeddings = [[0, 2], [1, 0], [3, 0.1], [0.1, 1]]
    scores = scores_of(embeddings, np.array(list("abba")))
    ranking = rank_gallery(scores)
    assert ranking.order.tolist() == [[1, 0], [0, 1]]
    assert ranking.pictured(0) == [2, 1, 1, 0]  # itself, its own, and the nearest


def test_attribute_auc_is_not_fooled_by_a_coin():
    """The wrong score, p(true class) against "was it right", is 1.0 for a coin flip."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 4000)
    p = rng.uniform(size=4000)
    scores = attribute_scores(np.stack([1 - p, p], axis=1), labels)
    assert scores["auc"] == pytest.approx(0.5, abs=0.03)
    assert scores["balanced_accuracy"] == pytest.approx(0.5, abs=0.03)


def test_attribute_scores_of_three_classes_against_counting():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 60)
    logits = rng.normal(size=(60, 3)) + 1.2 * np.eye(3)[labels]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    areas, recalls = [], []
    for c in range(3):
        inside, outside = p[labels == c, c], p[labels != c, c]
        areas.append(np.mean([(i > outside).mean() for i in inside]))
        recalls.append((p[labels == c].argmax(axis=1) == c).mean())
    scores = attribute_scores(p, labels)
    assert scores["auc"] == pytest.approx(np.mean(areas))
    assert scores["balanced_accuracy"] == pytest.approx(np.mean(recalls))


def test_unknown_labels_are_left_out_and_one_class_cannot_be_scored():
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9]])
    assert attribute_scores(p, np.array([0, 1, UNKNOWN]))["auc"] == 1
    assert attribute_scores(p, np.array([0, 0, UNKNOWN])) == {
        "auc": None,
        "balanced_accuracy": None,
    }
