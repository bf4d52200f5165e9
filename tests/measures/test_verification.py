from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from psface.measures.conditions import by_condition
from psface.measures.identification import rank_gallery
from psface.measures.intervals import draw_people, interval
from psface.measures.pairs import cosine_auc
from psface.measures.quality import reject_curve
from psface.measures.summary import recognition_metrics
from psface.measures.verification import Verification, rate_name
from tests.measures.scored_people import scores_of


def people_interval(scores, resamples, seed):
    people = len(np.unique(scores.identity))
    return interval(scores.verification.resampled_aucs(draw_people(people, resamples, seed)))


@pytest.fixture
def people():
    """Embeddings of 12 people with 5 captures each, of moderate separability."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(12, 6))
    identities = np.repeat([f"p{i:02}" for i in range(12)], 5)
    embeddings = np.repeat(centres, 5, axis=0) + 0.8 * rng.normal(size=(60, 6))
    return embeddings, identities


def drawn_pairs(steps=None, dtype=np.float64, count=900):
    """Scores of made-up pairs, a fifth of them genuine; with ``steps``, many are equal."""
    rng = np.random.default_rng(3)
    same = rng.random(count) < 0.2
    scores = (rng.normal(size=count) * 0.2 + 0.4 * same).astype(dtype)
    if steps:
        scores = (scores * steps).round().astype(dtype) / dtype(steps)
    return scores, same


@pytest.fixture
def sorted_sizes(monkeypatch):
    """How many numbers each call that sorts was given."""
    sizes = []

    def counted(function):
        def call(array, *args, **options):
            sizes.append(np.size(array))
            return function(array, *args, **options)

        return call

    for name in ("argsort", "sort", "unique", "lexsort"):
        monkeypatch.setattr(np, name, counted(getattr(np, name)))
    return sizes


def test_scores_of_all_pairs_against_plain_loops(people):
    embeddings, identities = people
    pairs = scores_of(embeddings, identities)
    assert (pairs.verification.score == pairs.cosine).all()
    k = 0
    for i in range(60):
        for j in range(i + 1, 60):
            a, b = embeddings[i], embeddings[j]
            assert pairs.same[k] == (identities[i] == identities[j])
            cosine = a @ b / np.sqrt((a @ a) * (b @ b))
            assert pairs.cosine[k] == pytest.approx(cosine, abs=1e-6)
            distance = np.sqrt(((a - b) ** 2).sum())
            assert pairs.euclidean.score[k] == pytest.approx(-distance, abs=1e-4)
            people = pairs.verification.first[k], pairs.verification.second[k]
            assert people == (i // 5, j // 5)
            for found in (pairs.verification, pairs.euclidean):
                assert found.same[k] == pairs.same[k]
            k += 1
    assert k == len(pairs.same)


def test_auc_is_the_share_of_rightly_ordered_pairs(people):
    pairs = scores_of(*people)
    genuine, impostor = pairs.cosine[pairs.same], pairs.cosine[~pairs.same]
    share = np.mean([(g > impostor).mean() + (g == impostor).mean() / 2 for g in genuine])
    assert pairs.verification.auc == pytest.approx(share)
    assert cosine_auc(*people) == pytest.approx(share, abs=1e-5)


@pytest.mark.parametrize("steps", [None, 40, 6, 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_auc_against_scikit_learn_and_plain_counting(steps, dtype):
    """Ties count half."""
    scores, same = drawn_pairs(steps, dtype)
    found = Verification(scores, same).auc
    won = sum(
        float(high > low) + float(high == low) / 2 for high in scores[same] for low in scores[~same]
    )
    assert found == pytest.approx(won / same.sum() / (~same).sum(), abs=1e-12)
    assert found == pytest.approx(roc_auc_score(same, scores), abs=1e-12)


def test_auc_of_the_extremes():
    scores, same = np.array([0.9, 0.8, 0.3, 0.2]), np.array([True, True, False, False])
    assert Verification(scores, same).auc == 1
    assert Verification(-scores, same).auc == 0
    assert Verification(np.zeros(4), same).auc == 0.5
    for one_kind in (np.ones(4, bool), np.zeros(4, bool)):  # nothing can be told
        assert np.isnan(Verification(scores, one_kind).auc)
        assert Verification(scores, one_kind).metrics([])["auc"] is None


def test_rates_against_counting(people):
    pairs = scores_of(*people)
    found = pairs.verification
    impostors = np.sort(pairs.cosine[~pairs.same])[::-1]
    assert found.impostors == len(impostors)
    for far in (0.1, 0.01, 0.001):
        allowed = int(far * len(impostors))
        strictly_above = pairs.cosine[pairs.same] > impostors[allowed]
        assert found.tar_at(far) == pytest.approx(strictly_above.mean())
        threshold = found.threshold_at(far)
        assert (impostors >= threshold).sum() <= allowed
        assert (pairs.cosine[pairs.same] >= threshold).mean() == pytest.approx(
            strictly_above.mean()
        )
    # 1650 impostor pairs cannot tell
    assert found.tar_at(1e-4) is None and found.threshold_at(1e-4) is None


def test_equal_error_rate():
    same = np.array([True] * 100 + [False] * 100)
    scores = np.concatenate([np.linspace(0.4, 1.4, 100), np.linspace(0, 1, 100)])
    assert Verification(scores, same).eer == pytest.approx(0.3, abs=0.01)
    perfect = np.concatenate([np.ones(100), np.zeros(100)])
    assert Verification(perfect, same).eer == 0


@pytest.mark.parametrize("steps", [None, 40, 6])
def test_rates_of_a_threshold_against_plain_counting(steps):
    scores, same = drawn_pairs(steps)
    found = Verification(scores, same)
    between = (scores[:50] + scores[50:100]) / 2
    for threshold in (*scores[:50], *between, -np.inf, np.inf):
        wrongly_in = sum(s >= threshold for s in scores[~same])
        wrongly_out = sum(s < threshold for s in scores[same])
        expected = (wrongly_in / (~same).sum(), wrongly_out / same.sum())
        assert found.rates(threshold) == pytest.approx(expected, abs=1e-12)
    for far in (0.3, 0.1, 0.01):
        there, rejected = found.rates(found.threshold_at(far))
        assert there <= far and 1 - rejected == pytest.approx(found.tar_at(far), abs=1e-12)


def test_some_of_the_pairs(people):
    embeddings, identities = people
    pairs = scores_of(embeddings, identities)
    chosen = np.random.default_rng(1).random(len(pairs.same)) < 0.3
    some = pairs.verification.among(chosen)
    for name in ("score", "same", "first", "second"):
        own = getattr(pairs.verification, name)
        assert getattr(some, name).tolist() == [v for v, c in zip(own, chosen, strict=True) if c]
    assert some.auc == pytest.approx(roc_auc_score(pairs.same[chosen], pairs.cosine[chosen]))
    by_index = pairs.verification.among(np.flatnonzero(chosen))
    assert by_index.auc == some.auc and (by_index.roc.threshold == some.roc.threshold).all()
    draws = draw_people(12, 30, 2)
    left_out = np.where(chosen, pairs.cosine, np.nan)
    assert some.resampled_aucs(draws) == pytest.approx(
        [weighted_auc(left_out, pairs, times) for times in draws], abs=1e-12
    )


def weighted_auc(scores, pairs, times):
    """Of the scores that are numbers, pairs weighed by how often their people were drawn."""
    known = np.isfinite(scores)
    a, b = pairs.person[pairs.first], pairs.person[pairs.second]
    weights = np.where(pairs.same, times[a], times[a] * times[b])
    return roc_auc_score(pairs.same[known], scores[known], sample_weight=weights[known])


def test_pairs_of_unnamed_people_stay_so():
    some = Verification(*drawn_pairs()).among(np.arange(100))
    assert some.first is None and some.second is None and len(some.score) == 100


def test_metrics_and_their_names(people):
    found = scores_of(*people).verification
    draws = draw_people(12, 100, 4)
    metrics = found.metrics((1e-1, 1e-3, 1e-5), draws)
    assert list(metrics) == [
        "auc", "auc_low", "auc_high", "eer",
        "tar_at_far_1e-1", "tar_at_far_1e-3", "tar_at_far_1e-5",
    ]  # fmt: skip
    assert (metrics["auc"], metrics["eer"]) == (found.auc, found.eer)
    assert (metrics["auc_low"], metrics["auc_high"]) == interval(found.resampled_aucs(draws))
    assert metrics["tar_at_far_1e-1"] == found.tar_at(0.1)
    assert metrics["tar_at_far_1e-3"] == found.tar_at(0.001)
    assert metrics["tar_at_far_1e-5"] is None
    unnamed = Verification(found.score, found.same).metrics((1e-1, 1e-3, 1e-5))
    assert unnamed == {**metrics, "auc_low": None, "auc_high": None}


@pytest.mark.parametrize(
    ("rate", "name"),
    [(0.1, "1e-1"), (1e-3, "1e-3"), (0.05, "5e-2"), (1e-5, "1e-5"), (1e-10, "1e-10")],
)
def test_names_of_rates(rate, name):
    assert rate_name(rate) == name


def test_the_scores_are_sorted_once(sorted_sizes):
    scores, same = drawn_pairs(40)
    first, second = (np.random.default_rng(i).integers(9, size=900) for i in range(2))
    found = Verification(scores, same, first, second)
    assert not sorted_sizes  # until a figure is asked for
    draws = draw_people(9, 20, 0)
    for far in (0.1, 0.01):
        found.tar_at(far), found.threshold_at(far)
    found.auc, found.eer, found.roc.table, found.rates(0.3)
    found.metrics((0.1, 0.01), draws)
    found.resampled_aucs(draws)
    assert [size for size in sorted_sizes if size >= min(same.sum(), (~same).sum())] == [900]


def test_an_evaluation_sorts_its_pairs_once(people, sorted_sizes):
    embeddings, identities = people
    scores = scores_of(embeddings, identities, {"pose": ["l", "r", "l", "r", "l"] * 12})
    ranking = rank_gallery(scores)
    sorted_sizes.clear()
    recognition_metrics(scores, ranking, 20, 0)
    reject_curve(scores, 1e-2)
    by_condition(scores, ranking)
    every = len(scores.cosine)
    assert sorted_sizes.count(every) == 2  # by cosine and by distance
    assert max(sorted_sizes) == every


def test_roc_is_complete(people):
    """The written points enclose the exact area; three points, as from labels, would not."""
    pairs = scores_of(*people)
    curve = pairs.verification.roc
    area = roc_auc_score(pairs.same, pairs.cosine)
    assert np.trapezoid(curve.tar, curve.far) == pytest.approx(area)
    assert len(curve.far) > 50
    assert (np.diff(curve.far) >= 0).all()
    assert (np.diff(curve.tar) >= 0).all()


def test_interval_resamples_people(people):
    embeddings, identities = people
    pairs = scores_of(embeddings, identities)
    area = pairs.verification.auc
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
    scores, same = drawn_pairs(steps, dtype)
    found, impostors = Verification(scores, same), int((~same).sum())
    for far in (0.5, 0.3, 0.1, 0.05, 0.01, 1 / impostors, 0.999):
        threshold, tar = counted(scores, same, far) or (np.inf, 0.0)
        assert found.threshold_at(far) == threshold
        assert found.tar_at(far) == tar
        assert (scores[~same] >= threshold).mean() <= far
        lower = scores[scores < threshold]
        if len(lower):
            assert (scores[~same] >= lower.max()).mean() > far or threshold == scores.min()


def test_a_threshold_where_genuine_pairs_are_all_over_it():
    """Points on a straight line of the ROC are operating points like any other."""
    rng = np.random.default_rng(0)
    same = np.arange(20_500) < 500
    scores = np.where(same, rng.normal(0.55, 0.07, 20_500), rng.normal(0, 0.12, 20_500))
    threshold = Verification(scores, same).threshold_at(0.1)
    assert (scores[~same] >= threshold).sum() == 2000


def test_a_thinned_curve_keeps_true_points():
    rng = np.random.default_rng(1)
    same = rng.random(60_000) < 0.05
    scores = rng.normal(size=60_000) + 2 * same
    curve = Verification(scores, same).roc
    thin = curve.thinned
    assert len(thin.far) < 4000 < len(curve.far)
    assert (thin.far[0], thin.tar[0], thin.threshold[0]) == (0, 0, np.inf)
    assert (thin.far[-1], thin.tar[-1]) == (1, 1)
    for far, tar, threshold in list(zip(thin.far, thin.tar, thin.threshold, strict=True))[::97]:
        assert far == pytest.approx((scores[~same] >= threshold).mean(), abs=1e-12)
        assert tar == pytest.approx((scores[same] >= threshold).mean(), abs=1e-12)
    table = curve.table
    assert list(table.columns) == ["far", "tar", "threshold"]
    assert (table["threshold"] == thin.threshold).all()
    assert table["far"].to_numpy() == pytest.approx(thin.far, abs=1e-6)


def test_resampled_aucs_against_plain_counting():
    """Each pair as often as its person, or as both of its people, are drawn; ties count half."""
    rng = np.random.default_rng(5)
    names = np.repeat(list("dacb"), 3)
    scores = scores_of(rng.normal(size=(12, 3)).round(1), names)
    scores = replace(scores, cosine=scores.cosine.round(1))
    draws = draw_people(4, 20, 5)
    draws[0] = [4, 0, 0, 0]  # one person alone: there is no impostor
    found = scores.verification.resampled_aucs(draws)
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


@pytest.mark.parametrize(("resamples", "pairs_at_once"), [(1, 1), (7, 13), (64, 4096)])
def test_resampled_aucs_do_not_depend_on_the_blocks(monkeypatch, resamples, pairs_at_once):
    """Nor on how many resamples are counted together; ties and people never drawn included."""
    scores, same = drawn_pairs(40)
    first, second = (np.random.default_rng(i).integers(9, size=900) for i in range(2))
    found = Verification(scores, same, first, np.where(same, first, second))
    draws = draw_people(9, 20, 0)
    genuine, impostors = np.flatnonzero(same), np.flatnonzero(~same)
    higher = scores[genuine, None] > scores[impostors]
    won = higher + (scores[genuine, None] == scores[impostors]) / 2
    expected = []
    for times in draws:
        weights = times[first[genuine], None] * (times[first] * times[second])[impostors].astype(
            int
        )
        expected.append((won * weights).sum() / weights.sum())
    monkeypatch.setattr("psface.measures.resampling.RESAMPLES", resamples)
    monkeypatch.setattr("psface.measures.resampling.PAIRS", pairs_at_once)
    assert found.resampled_aucs(draws) == pytest.approx(expected, abs=1e-12)


def test_the_auc_among_some_pairs_is_theirs():
    scores, same = drawn_pairs(40)
    chosen = np.random.default_rng(4).random(900) < 0.3
    found = Verification(scores, same)
    assert found.auc_among(chosen) == found.among(chosen).auc
    assert np.isnan(found.auc_among(np.zeros(900, bool)))
