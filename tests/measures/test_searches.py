import numpy as np
import pytest

from psface.measures.identification import rank_gallery
from psface.measures.intervals import draw_people
from psface.measures.people_rates import proven_bound
from psface.measures.searches import search, search_faces, search_pairs
from psface.vectors import unit
from tests.measures.scored_people import scores_of


def people(count=24, captures=3, noise=1.0):
    rng = np.random.default_rng(4)
    own = rng.normal(size=(count, 6))
    names = np.repeat([f"p{i:02}" for i in range(count)], captures)
    return np.repeat(own, captures, axis=0) + noise * rng.normal(size=(len(names), 6)), names


def test_searches_against_plain_loops():
    scores = scores_of(*people())
    found = search_pairs(scores, 5)
    order = np.random.default_rng(5).permutation(24)  # of each person among growing galleries
    assert found.sizes == (24, 12)
    probes, gallery = np.flatnonzero(~scores.gallery), np.flatnonzero(scores.gallery)
    cosine = {}
    for a, b, value in zip(scores.first, scores.second, scores.cosine, strict=True):
        cosine[a, b] = cosine[b, a] = value
    for q, probe in enumerate(probes):
        own = scores.person[probe]
        others = {scores.person[g]: cosine[probe, g] for g in gallery if scores.person[g] != own}
        mate = next(cosine[probe, g] for g in gallery if scores.person[g] == own)
        assert found.mate[q] == mate
        assert found.ahead[q] == sum(value >= mate for value in others.values())
        for row, size in enumerate(found.sizes):
            drawn = sorted(others, key=lambda person: order[person])[: size - 1]
            assert found.rival[row, q] == max(others[person] for person in drawn)


def test_fnir_against_plain_counting():
    found = search_pairs(scores_of(*people()), 5)
    table = found.table(draw_people(24, 50, 0))
    for row in table.to_dict("records"):
        mate, rival = found.mate, found.rival[found.sizes.index(row["gallery"])]
        if np.isnan(row["fnir"]):
            assert row["fpir"] < 1 / len(rival) and row["note"].startswith("needs ")
            continue
        allowed = [t for t in np.unique([*mate, *rival]) if (rival >= t).mean() <= row["fpir"]]
        misses = min(((mate < t) | (rival >= mate)).mean() for t in [*allowed, np.inf])
        assert row["fnir"] == pytest.approx(misses, abs=1e-12)
        assert row["low"] <= row["fnir"] <= row["high"]
    assert table["fnir"].notna().sum() == 2  # 48 searches tell FPIR 0.1 alone, in two galleries


def test_the_rank_curve_begins_at_rank_1_of_the_ranking():
    scores = scores_of(*people())
    curve = search_pairs(scores, 0).cmc()
    ranking = rank_gallery(scores)
    for rank in (1, 3, 5):
        assert curve["hit_rate"][rank - 1] == pytest.approx(ranking.rate(rank))
    assert curve["hit_rate"].iloc[-1] == 1 and len(curve) == 24


def test_equal_scores_count_against_the_system():
    blocks = [np.array([[0.5, 0.5], [0.9, 0.1]])]
    found = search(blocks, np.array([0, 1]), np.array([0, 1]), 0)
    assert found.ahead.tolist() == [1, 1]
    assert found.cmc()["hit_rate"].tolist() == [0, 1]


def test_several_captures_of_a_person_and_people_outside_the_gallery():
    blocks = [np.array([[0.2, 0.7, 0.4]]), np.array([[0.1, np.nan, 0.3]])]
    found = search(blocks, np.array([5, 8]), np.array([5, 5, 6]), 0)
    assert found.mate.tolist() == [0.7, -np.inf]
    assert found.rival.tolist() == [[0.4, 0.3]] or found.rival.tolist() == [[0.4, 0.1]]
    assert found.of_size(0).same.tolist() == [True, False, False]  # 8 is never a mate


def test_embeddings_give_what_pairs_give():
    embeddings, names = people()
    scores = scores_of(embeddings, names)
    whole = search_pairs(scores, 2)
    faces = unit(embeddings.astype(np.float32))
    found = search_faces(faces, scores.person, scores.gallery, 2)
    assert found.ahead.tolist() == whole.ahead.tolist()
    assert found.rival == pytest.approx(whole.rival, abs=1e-6)
    assert search_pairs(scores_of(embeddings, names, impostors=500), 2) is None


def test_without_a_miss_there_is_a_bound():
    found = search_pairs(scores_of(*people(noise=0.01)), 0)
    row = found.table(draw_people(24, 20, 0)).iloc[0]
    assert (row["fnir"], row["low"], row["high"]) == (0, 0, proven_bound(24))
    assert row["note"] == "no miss seen"
