"""Pairs that differ in an attribute, counted one by one."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from psface.measures.conditions import by_condition, misses_and_hits, probes_that_differ
from psface.measures.identification import rank_gallery
from psface.measures.intervals import draw_people
from tests.measures.scored_people import scores_of


@pytest.fixture
def scores():
    """Glasses move the embedding; gender is the person's."""
    rng = np.random.default_rng(4)
    people = np.repeat([f"p{i:02}" for i in range(20)], 5)
    glasses = rng.choice(["no", "yes", ""], 100, p=[0.5, 0.4, 0.1])
    gender = np.repeat(rng.choice(["f", "m"], 20), 5)
    own = np.repeat(rng.normal(size=(20, 6)), 5, axis=0)
    embeddings = own + 0.3 * rng.normal(size=(100, 6))
    embeddings[:, 0] += 2.5 * (glasses == "yes")
    return scores_of(embeddings, people, {"glasses": list(glasses), "gender": list(gender)})


def test_trusted_and_doubted_against_counting(scores):
    ranking = rank_gallery(scores)
    doubted = np.random.default_rng(1).random(100) < 0.1
    table = by_condition(scores, ranking, doubted).set_index(["attribute", "condition"])
    both = [(i, j) for i in range(100) for j in range(i + 1, 100) if not doubted[[i, j]].any()]
    same = sum(scores.identity[i] == scores.identity[j] for i, j in both)
    trusted, rest = table.loc[("capture", "trusted")], table.loc[("capture", "doubted")]
    assert (trusted["genuine"], trusted["impostors"]) == (same, len(both) - same)
    assert trusted["genuine"] + rest["genuine"] == scores.same.sum()
    own = {scores.identity[i]: doubted[i] for i in np.flatnonzero(scores.gallery)}
    probes = np.flatnonzero(~scores.gallery)
    involved = np.array([doubted[i] or own[scores.identity[i]] for i in probes])
    assert trusted["probes"] == (~involved).sum() and rest["probes"] == involved.sum()
    assert rest["rank1"] == ranking.hits[involved].mean()
    assert "capture" not in by_condition(scores, ranking, doubted & False)["attribute"].tolist()


def test_against_counting(scores):
    ranking = rank_gallery(scores)
    table = by_condition(scores, ranking).set_index(["attribute", "condition"])
    labels, matrix = scores.labels["glasses"], np.zeros((100, 100))
    matrix[scores.first, scores.second] = matrix[scores.second, scores.first] = scores.cosine
    impostors = np.sort(scores.cosine[~scores.same])[::-1]
    bar = impostors[int(0.01 * len(impostors))]  # the first that must be kept out
    probes, gallery = np.flatnonzero(~scores.gallery), np.flatnonzero(scores.gallery)
    for condition in ("agrees", "differs"):
        row = table.loc[("glasses", condition)]
        cosines, same, k = [], [], 0
        for i in range(100):
            for j in range(i + 1, 100):
                if min(labels[i], labels[j]) >= 0 and (labels[i] == labels[j]) == (
                    condition == "agrees"
                ):
                    cosines.append(scores.cosine[k])
                    same.append(scores.identity[i] == scores.identity[j])
                k += 1
        cosines, same = np.array(cosines), np.array(same)
        assert (row["genuine"], row["impostors"]) == (same.sum(), (~same).sum())
        assert row["auc"] == pytest.approx(roc_auc_score(same, cosines))
        assert row["tar"] == pytest.approx((cosines[same] > bar).mean())
        hits = []
        for i in probes:
            [own] = [j for j in gallery if scores.identity[j] == scores.identity[i]]
            if min(labels[i], labels[own]) >= 0 and (labels[i] == labels[own]) == (
                condition == "agrees"
            ):
                nearest = gallery[matrix[i, gallery].argmax()]
                hits.append(scores.identity[nearest] == scores.identity[i])
        assert row["probes"] == len(hits) and row["rank1"] == pytest.approx(np.mean(hits))
    differs, agrees = table.loc[("glasses", "differs")], table.loc[("glasses", "agrees")]
    assert differs["tar"] < agrees["tar"] and differs["rank1"] < agrees["rank1"]


def test_what_never_differs_within_a_person_is_missing(scores):
    table = by_condition(scores, rank_gallery(scores)).set_index(["attribute", "condition"])
    row = table.loc[("gender", "differs")]
    assert row["genuine"] == row["probes"] == 0 and row["impostors"] > 0
    assert row[["auc", "tar", "rank1"]].isna().all()


def test_pictured_probes_differ_and_are_misses_and_hits(scores):
    ranking = rank_gallery(scores)
    shown = probes_that_differ(scores, ranking, 4)
    assert {title for title, _ in shown} <= {
        f"glasses: {a}, enrolled {b}" for a, b in (("yes", "no"), ("no", "yes"))
    }
    hits = [bool(ranking.hits[number]) for _, number in shown]
    assert hits == [False, False, True, True]


def test_misses_and_hits_make_up_for_each_other():
    ranking = rank_gallery(
        scores_of([[1, 0], [0, 1], [1, 0.1], [1, 0.2], [0.1, 1]], np.array(list("abaab")))
    )
    assert ranking.hits.all()
    assert misses_and_hits(np.arange(3), ranking, 2) == [0, 2]
    assert misses_and_hits(np.array([], dtype=int), ranking, 2) == []


def test_the_fall_of_tar_against_resampling_by_hand(scores):
    ranking, draws = rank_gallery(scores), draw_people(20, 60, 3)
    table = by_condition(scores, ranking, None, draws).set_index(["attribute", "condition"])
    row, other = table.loc[("glasses", "differs")], table.loc[("glasses", "agrees")]
    assert row["fall"] == pytest.approx(other["tar"] - row["tar"]) and row["fall"] > 0
    bar, labels = scores.verification.threshold_at(1e-2), scores.labels["glasses"]
    a, b = labels[scores.first], labels[scores.second]
    known = scores.same & (np.minimum(a, b) >= 0)
    times = draws[:, scores.person[scores.first]]

    def tars(chosen):
        return (times * (scores.cosine >= bar))[:, chosen].sum(1) / times[:, chosen].sum(1)

    falls = tars(known & (a == b)) - tars(known & (a != b))
    expected = np.quantile(falls, [0.025, 0.975])
    assert row[["fall_low", "fall_high"]].tolist() == pytest.approx(expected.tolist())
    never = table.loc[("gender", "differs")]
    assert never["genuine"] == 0 and np.isnan(never[["fall", "fall_low"]].astype(float)).all()
    assert by_condition(scores, ranking)["fall_low"].isna().all()
