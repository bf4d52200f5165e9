import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from psface.measures.pairs import cosine_auc
from psface.measures.verification import (
    auc,
    draw_people,
    equal_error_rate,
    interval,
    resampled_aucs,
    roc,
    tar_at_far,
    threshold_at_far,
)
from tests.measures.scored_people import scores_of


def people_interval(scores, resamples, seed):
    people = len(np.unique(scores.identity))
    return interval(
        resampled_aucs(scores, draw_people(people, resamples, np.random.default_rng(seed)))
    )


@pytest.fixture
def people():
    """Embeddings of 12 people with 5 captures each, of moderate separability."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(12, 6))
    identities = np.repeat([f"p{i:02}" for i in range(12)], 5)
    embeddings = np.repeat(centres, 5, axis=0) + 0.8 * rng.normal(size=(60, 6))
    return embeddings, identities


def test_scores_of_all_pairs_against_plain_loops(people):
    embeddings, identities = people
    pairs = scores_of(embeddings, identities)
    k = 0
    for i in range(60):
        for j in range(i + 1, 60):
            a, b = embeddings[i], embeddings[j]
            assert pairs.same[k] == (identities[i] == identities[j])
            cosine = a @ b / np.sqrt((a @ a) * (b @ b))
            assert pairs.cosine[k] == pytest.approx(cosine, abs=1e-6)
            assert pairs.euclidean[k] == pytest.approx(-np.sqrt(((a - b) ** 2).sum()), abs=1e-4)
            k += 1
    assert k == len(pairs.same)


def test_auc_is_the_share_of_rightly_ordered_pairs(people):
    pairs = scores_of(*people)
    genuine, impostor = pairs.cosine[pairs.same], pairs.cosine[~pairs.same]
    share = np.mean([(g > impostor).mean() + (g == impostor).mean() / 2 for g in genuine])
    assert auc(pairs.cosine, pairs.same) == pytest.approx(share)
    assert cosine_auc(*people) == pytest.approx(share, abs=1e-5)


def test_rates_against_counting(people):
    pairs = scores_of(*people)
    curve = roc(pairs.cosine, pairs.same)
    impostors = np.sort(pairs.cosine[~pairs.same])[::-1]
    for far in (0.1, 0.01, 0.001):
        allowed = int(far * len(impostors))
        strictly_above = pairs.cosine[pairs.same] > impostors[allowed]
        assert tar_at_far(curve, far, len(impostors)) == pytest.approx(strictly_above.mean())
        threshold = threshold_at_far(curve, far, len(impostors))
        assert (impostors >= threshold).sum() <= allowed
        assert (pairs.cosine[pairs.same] >= threshold).mean() == pytest.approx(
            strictly_above.mean()
        )
    assert tar_at_far(curve, 1e-4, len(impostors)) is None  # 1650 impostor pairs cannot tell


def test_equal_error_rate():
    same = np.array([True] * 100 + [False] * 100)
    scores = np.concatenate([np.linspace(0.4, 1.4, 100), np.linspace(0, 1, 100)])
    assert equal_error_rate(roc(scores, same)) == pytest.approx(0.3, abs=0.01)
    perfect = np.concatenate([np.ones(100), np.zeros(100)])
    assert equal_error_rate(roc(perfect, same)) == 0


def test_roc_is_complete(people):
    """The written points enclose the exact area; three points, as from labels, would not."""
    pairs = scores_of(*people)
    curve = roc(pairs.cosine, pairs.same)
    assert np.trapezoid(curve.tar, curve.far) == pytest.approx(auc(pairs.cosine, pairs.same))
    assert len(curve.far) > 50
    assert (np.diff(curve.far) >= 0).all()
    assert (np.diff(curve.tar) >= 0).all()


def test_interval_resamples_people(people):
    embeddings, identities = people
    pairs = scores_of(embeddings, identities)
    area = auc(pairs.cosine, pairs.same)
    low, high = people_interval(pairs, 400, 0)
    assert low < area < high
    # The same pairs taken as independent would promise an interval half as wide or less.
    rng = np.random.default_rng(0)
    naive = []
    for _ in range(200):
        take = rng.integers(len(pairs.same), size=len(pairs.same))
        naive.append(roc_auc_score(pairs.same[take], pairs.cosine[take]))
    assert high - low > 1.5 * (np.quantile(naive, 0.975) - np.quantile(naive, 0.025))


def test_interval_against_a_plain_bootstrap(people):
    """Copies of people written out, their pairs counted one by one."""
    embeddings, identities = people
    pairs = scores_of(embeddings, identities)
    low, high = people_interval(pairs, 80, 5)
    rng = np.random.default_rng(5)
    names, person = np.unique(identities, return_inverse=True)
    areas = []
    for _ in range(80):
        drawn = rng.integers(len(names), size=len(names))
        times = np.bincount(drawn, minlength=len(names))
        scores, same = [], []
        for s, i, j, t in zip(pairs.cosine, pairs.first, pairs.second, pairs.same, strict=True):
            copies = times[person[i]] * (1 if t else times[person[j]])
            scores += [s] * copies
            same += [t] * copies
        areas.append(roc_auc_score(same, scores))
    assert (low, high) == pytest.approx(tuple(np.quantile(areas, [0.025, 0.975])), abs=1e-9)


def counted(scores, same, far):
    """By plain counting: the lowest score that keeps the rate as a threshold, and its TAR."""
    best = None
    for threshold in sorted(set(scores.tolist()), reverse=True):
        if sum(s >= threshold for s in scores[~same]) / (~same).sum() > far:
            break
        best = threshold, sum(s >= threshold for s in scores[same]) / same.sum()
    return best


@pytest.mark.parametrize("steps", [None, 40, 6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_thresholds_against_plain_counting(steps, dtype):
    rng = np.random.default_rng(3)
    same = rng.random(900) < 0.2
    scores = (rng.normal(size=900) * 0.2 + 0.4 * same).astype(dtype)
    if steps:  # ties
        scores = (scores * steps).round().astype(dtype) / dtype(steps)
    curve, impostors = roc(scores, same), int((~same).sum())
    for far in (0.5, 0.3, 0.1, 0.05, 0.01, 1 / impostors, 0.999):
        threshold, tar = counted(scores, same, far) or (np.inf, 0.0)
        assert threshold_at_far(curve, far, impostors) == threshold
        assert tar_at_far(curve, far, impostors) == tar
        assert (scores[~same] >= threshold).mean() <= far
        lower = scores[scores < threshold]
        if len(lower):
            assert (scores[~same] >= lower.max()).mean() > far or threshold == scores.min()


def test_a_threshold_where_genuine_pairs_are_all_over_it():
    """Points on a straight line of the ROC are operating points like any other."""
    rng = np.random.default_rng(0)
    same = np.arange(20_500) < 500
    scores = np.where(same, rng.normal(0.55, 0.07, 20_500), rng.normal(0, 0.12, 20_500))
    threshold = threshold_at_far(roc(scores, same), 0.1, 20_000)
    assert (scores[~same] >= threshold).sum() == 2000


def test_a_thinned_curve_keeps_true_points():
    rng = np.random.default_rng(1)
    same = rng.random(60_000) < 0.05
    scores = rng.normal(size=60_000) + 2 * same
    curve = roc(scores, same)
    thin = curve.thinned
    assert len(thin.far) < 4000 < len(curve.far)
    assert (thin.far[0], thin.tar[0], thin.threshold[0]) == (0, 0, np.inf)
    assert (thin.far[-1], thin.tar[-1]) == (1, 1)
    for far, tar, threshold in list(zip(thin.far, thin.tar, thin.threshold, strict=True))[::97]:
        assert far == pytest.approx((scores[~same] >= threshold).mean(), abs=1e-12)
        assert tar == pytest.approx((scores[same] >= threshold).mean(), abs=1e-12)


def test_resampled_aucs_against_plain_counting():
    """Each pair as often as its person, or as both of its people, are drawn; ties count half."""
    rng = np.random.default_rng(5)
    names = np.repeat(list("dacb"), 3)
    scores = scores_of(rng.normal(size=(12, 3)).round(1), names)
    object.__setattr__(scores, "cosine", scores.cosine.round(1))
    draws = draw_people(4, 20, rng)
    draws[0] = [4, 0, 0, 0]  # one person alone: there is no impostor
    found = resampled_aucs(scores, draws)
    assert np.isnan(found[0])
    order = {name: i for i, name in enumerate("abcd")}
    for times, area in zip(draws[1:], found[1:], strict=True):
        won = total = 0.0
        pairs = list(zip(scores.first, scores.second, scores.same, scores.cosine, strict=True))
        for a, _, genuine, high in pairs:
            for c, d, other, low in pairs:
                if genuine and not other:
                    w = times[order[names[a]]] * times[order[names[c]]] * times[order[names[d]]]
                    total += w
                    won += w * ((high > low) + (high == low) / 2)
        assert area == pytest.approx(won / total, abs=1e-12)
