"""Rank-1 over all galleries of one capture a person, against trying every gallery."""

from itertools import product

import numpy as np
import pytest

from psface.measures import one_enrolled as module
from psface.measures.intervals import draw_people
from psface.measures.one_enrolled import one_enrolled
from psface.vectors import unit


def tried(embeddings: np.ndarray, identity: np.ndarray, times: np.ndarray) -> float:
    """The mean share of hits, gallery by gallery and probe by probe, of a resample of people.

    A person drawn twice is two, with a gallery capture each; to a probe of theirs, only its own
    copy counts.
    """
    faces, names = unit(embeddings), np.unique(identity)
    copies = [(name, k) for name, count in zip(names, times, strict=True) for k in range(count)]
    choices = [np.flatnonzero(identity == name) for name, _ in copies]
    shares = []
    for gallery in product(*choices):
        hits = []
        for place, (name, _) in enumerate(copies):
            for probe in set(choices[place].tolist()) - {gallery[place]}:
                own = faces[probe] @ faces[gallery[place]]
                others = [g for g, (n, _) in zip(gallery, copies, strict=True) if n != name]
                hits.append(all(faces[probe] @ faces[other] < own for other in others))
        shares.append(hits)
    return float(np.mean(shares))


@pytest.fixture
def few():
    """Four people of one to three captures, not in order and not well separated."""
    rng = np.random.default_rng(5)
    identity = np.array(["b", "a", "c", "b", "a", "d", "a", "c"])
    centres = dict(zip("abcd", rng.normal(size=(4, 4)), strict=True))
    own = np.array([centres[name] for name in identity])
    return own + 1.5 * rng.normal(size=own.shape), identity


def test_it_is_the_mean_over_all_galleries(few):
    faces, identity = few
    expected = tried(faces, identity, np.ones(4, int))
    assert 0.2 < expected < 0.8
    assert one_enrolled(faces, identity).rank1 == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("times", [(2, 1, 1, 0), (1, 2, 0, 1), (0, 0, 2, 2)])
def test_a_resampled_person_is_another_one_in_the_gallery(few, times):
    drawn = np.array([times], np.uint16)
    assert one_enrolled(*few).resampled(drawn)[0] == pytest.approx(tried(*few, times), abs=1e-6)


def test_a_tie_is_no_hit():
    faces = np.array([[1.0, 0], [1, 0], [1, 0]])
    assert one_enrolled(faces, np.array(["a", "a", "b"])).rank1 == 0


def test_without_a_probe_there_is_no_figure():
    enrolled = one_enrolled(np.eye(3), np.array(["a", "b", "c"]))
    assert np.isnan(enrolled.rank1)
    paired = one_enrolled(np.eye(3), np.array(["a", "a", "b"]))
    assert np.isnan(paired.resampled(np.array([[0, 2]]))[0])


def test_parts_give_the_same_as_the_whole(few, monkeypatch):
    draws = draw_people(4, 20, seed=1)
    whole = one_enrolled(*few).resampled(draws)
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 2)
    assert one_enrolled(*few).resampled(draws) == pytest.approx(whole, nan_ok=True)
