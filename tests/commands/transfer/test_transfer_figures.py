"""What a benchmark says of vectors: draws of people, figures, differences."""

import numpy as np
import pytest

from psface.commands.transfer.people_draws import drawn_people
from psface.commands.transfer.people_figures import FIGURES, above_best, averaged, figures
from psface.commands.transfer.untrained_vectors import untrained_vectors
from psface.faces.arrays import Faces
from psface.measures.floors import small_faces
from psface.measures.intervals import draw_people
from psface.measures.pairs import cosine_auc
from psface.model.scale import LIMIT, Scale
from tests.packed_faces import SIDE, write_faces
from tests.untrained_models import untrained_card


@pytest.fixture
def identity() -> np.ndarray:
    return np.repeat([f"p{i}" for i in range(12)], 3)


def vectors(identity: np.ndarray, noise: float) -> np.ndarray:
    person = np.unique(identity, return_inverse=True)[1]
    centres = np.random.default_rng(0).normal(size=(person.max() + 1, 8))
    return centres[person] + noise * np.random.default_rng(1).normal(size=(len(person), 8))


def test_draws_share_nobody_with_those_tested(identity):
    draws = [drawn_people(identity, 7, number, 0.3, seed=1) for number in (1, 2, 3)]
    for draw in draws:
        assert len(draw.val) == 2 and len(draw.train) == 5
        trained = {*draw.train, *draw.val}
        assert len(trained) == 7
        assert set(identity[draw.tested]) == set(identity) - trained
    assert len({draw.train + draw.val for draw in draws}) == 3
    again = drawn_people(identity, 7, 2, 0.3, seed=1)
    assert (again.train, again.val) == (draws[1].train, draws[1].val)


def test_only_people_of_two_captures_are_drawn():
    identity = np.array([*"aabbccddeefghij"])
    draw = drawn_people(identity, 5, 1, 0.2, seed=4)
    assert {*draw.train, *draw.val} == set("abcde")
    assert "".join(identity[draw.tested]) == "fghij"


def test_figures_and_their_intervals(identity):
    draws = draw_people(12, 200, seed=0)
    found = figures(vectors(identity, 0.8), identity, draws)
    assert tuple(found.value) == FIGURES
    assert found.value["auc"] == pytest.approx(cosine_auc(vectors(identity, 0.8), identity))
    for name in ("auc", "eer", "tar_at_far_1e-2", "rank1"):
        low, high = found.interval(name)
        assert low <= found.value[name] <= high and high > low
    # 12 people of 3 captures have 594 impostor pairs: too few for 1e-3
    assert np.isnan(found.value["tar_at_far_1e-3"])
    assert np.isnan(found.interval("tar_at_far_1e-3")).all()


def test_differences_are_paired_and_above_zero_where_better(identity):
    draws = draw_people(12, 200, seed=0)
    good, poor, worse = (figures(vectors(identity, n), identity, draws) for n in (0.3, 1.5, 4.0))
    for name in ("auc", "eer", "rank1"):
        above = above_best(good, {"worse": worse, "poor": poor}, name)
        assert above.other == "poor" and above.value > 0
        assert above.excludes_zero and 0 < above.low <= above.value <= above.high
        below = above_best(worse, {"good": good, "poor": poor}, name)
        assert below.other == "good" and below.excludes_zero and below.high < 0
    same = above_best(good, {"good": good}, "auc")
    assert (same.value, same.low, same.high) == (0, 0, 0) and not same.excludes_zero
    assert above_best(good, {"poor": poor}, "tar_at_far_1e-3") is None


def test_floors_are_of_each_map_alone(settings, tmp_path):
    write_faces(tmp_path, people=4, sessions=2)
    card = untrained_card(settings, "all", size=SIDE)
    card = card.model_copy(update={"scale": Scale([0, 0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4, 5], LIMIT)})
    every = untrained_vectors(card, Faces(tmp_path, card.maps), None)
    assert {n: v.shape[1] for n, v in every.items()} == {
        "normalmap 42 px": 3 * 42**2,
        "normalmap 10 px": 3 * 10**2,
        "albedo 42 px": 42**2,
        "depthmap 42 px": 42**2,
        "details 42 px": 5 * 42**2,
    }
    albedo = Faces(tmp_path, ("albedo",)).read(np.arange(8))
    assert every["albedo 42 px"] == pytest.approx(small_faces(albedo, [0.3], [4], 42))
    normals = Faces(tmp_path, ("normalmap",)).read(np.arange(8))
    small = small_faces(normals, [0, 0.1, 0.2], [1, 2, 3], 10)
    assert every["normalmap 10 px"] == pytest.approx(small)


def test_draws_are_averaged_over_the_same_resamples(identity):
    draws = draw_people(12, 50, seed=0)
    one, other = (figures(vectors(identity, n), identity, draws) for n in (0.5, 2.0))
    both = averaged([one, other])
    assert both.value["auc"] == pytest.approx((one.value["auc"] + other.value["auc"]) / 2)
    expected = (one.resampled["rank1"] + other.resampled["rank1"]) / 2
    assert both.resampled["rank1"] == pytest.approx(expected)
