import numpy as np
import pytest
from sklearn.metrics import roc_curve

from psface.measures.error_rates import (
    FMRS,
    det_rates,
    fnmr_at,
    operating_rate,
    other_half,
    resampled_fnmrs,
    trade_off,
)
from psface.measures.failures import Attempts
from psface.measures.intervals import draw_people
from psface.measures.people_rates import proven_bound
from psface.measures.verification import Verification
from tests.measures.drawn_people import comparisons_with


def pairs_of(people=14, steps=None, noise=0.8):
    pairs = comparisons_with(people, 4, np.random.default_rng(2), noise=noise).pairs
    if not steps:
        return pairs
    return Verification(
        np.round(pairs.score * steps) / steps, pairs.same, pairs.first, pairs.second
    )


def plain_fnmr(score, same, weights, fmr):
    """The lowest FNMR of any threshold with that FMR or less."""
    impostors, genuine = weights[~same].sum(), weights[same].sum()
    best = 1.0
    for threshold in np.unique(score):
        matched = score >= threshold
        if weights[~same & matched].sum() / impostors <= fmr:
            best = min(best, weights[same & ~matched].sum() / genuine)
    return best


@pytest.mark.parametrize("steps", [None, 20, 5])
def test_the_table_against_plain_counting_and_scikit_learn(steps):
    pairs = pairs_of(steps=steps)
    errors, _ = trade_off(pairs, draw_people(14, 50, 0), None, 0)
    far, tar, _ = roc_curve(pairs.same, pairs.score, drop_intermediate=False)
    told = errors[errors["fnmr"].notna()]
    assert told["fmr"].tolist() == [1e-1, 1e-2, 1e-3]  # of 1456 pairs of two people
    for row in told.to_dict("records"):
        matched = pairs.score >= row["threshold"]
        assert row["false_matches"] == (matched & ~pairs.same).sum()
        assert row["misses"] == (~matched & pairs.same).sum()
        assert row["fmr_seen"] == row["false_matches"] / pairs.impostors <= row["fmr"]
        plain = plain_fnmr(pairs.score, pairs.same, np.ones(len(pairs.score)), row["fmr"])
        assert row["fnmr"] == pytest.approx(plain, abs=1e-12)
        assert row["fnmr"] == pytest.approx(1 - tar[far <= row["fmr"]].max(), abs=1e-12)
        wrong = (~pairs.same & matched, pairs.same & ~matched)
        for kind, name in zip(wrong, ("fmr_people", "fnmr_people"), strict=True):
            assert row[name] == len({*pairs.first[kind], *pairs.second[kind]})
        assert row["fnmr_low"] <= row["fnmr"] <= row["fnmr_high"]
        assert row["fmr_low"] <= row["fmr_seen"] <= row["fmr_high"]


@pytest.mark.parametrize("steps", [None, 10])
def test_resampled_people_set_thresholds_of_their_own(steps):
    pairs = pairs_of(8, steps)
    draws = draw_people(8, 12, 3)
    found = resampled_fnmrs(pairs, draws, (0.1, 0.02))
    for times, row in zip(draws.astype(int), found, strict=True):
        weights = np.where(pairs.same, times[pairs.first], times[pairs.first] * times[pairs.second])
        for value, fmr in zip(row, (0.1, 0.02), strict=True):
            assert value == pytest.approx(
                plain_fnmr(pairs.score, pairs.same, weights, fmr), abs=1e-12
            )
    alone = np.zeros((1, 8), int)
    alone[0, 3] = 1  # one person gives no pair of two
    assert np.isnan(resampled_fnmrs(pairs, alone, (0.1,))).all()


def test_what_the_pairs_cannot_tell_says_so():
    errors, _ = trade_off(pairs_of(), draw_people(14, 20, 0), None, 0)
    rest = errors[errors["fnmr"].isna()]
    assert rest["fmr"].tolist() == [1e-4, 1e-5, 1e-6]
    assert rest["note"].iloc[0] == "needs 10,000 pairs of two people"
    assert rest[["threshold", "fnmr_low", "fnmr_high"]].isna().all().all()


def test_no_error_is_never_a_bare_zero():
    pairs = pairs_of(noise=0.05)
    draws = draw_people(14, 20, 0)
    errors, _ = trade_off(pairs, draws, None, 0)
    row = errors.iloc[0]
    assert (row["misses"], row["fnmr"], row["fnmr_low"]) == (0, 0, 0)
    assert row["fnmr_high"] == proven_bound(14) and "no miss seen" in row["note"]
    assert fnmr_at(pairs, 0.1, draws) == (0, 0, proven_bound(14))


def test_unknown_people_have_no_intervals():
    pairs = pairs_of()
    unnamed = Verification(pairs.score, pairs.same)
    errors, det = trade_off(unnamed, None, None, 0)
    assert errors["fnmr"].notna().sum() == 3
    assert errors[["fnmr_low", "fmr_high", "other_fnmr", "fmr_people"]].isna().all().all()
    assert det["low"].isna().all()
    assert fnmr_at(unnamed, 0.1, None)[0] == pytest.approx(errors["fnmr"].iloc[0], abs=1e-12)


def test_a_threshold_of_one_half_tried_on_the_other():
    """By hand, for one halving."""
    pairs = pairs_of(12)
    found = other_half(pairs, 0.1, 7)
    rng = np.random.default_rng(7)
    rates = []
    for _ in range(5):
        half = rng.permutation(12) < 6
        for side in (half, ~half):
            inside = side[pairs.first] & side[pairs.second]
            outside = ~side[pairs.first] & ~side[pairs.second]
            threshold = min(
                t for t in pairs.score[inside]
                if (pairs.score[inside & ~pairs.same] >= t).mean() <= 0.1
            )  # fmt: skip
            rates.append((
                (pairs.score[outside & ~pairs.same] >= threshold).mean(),
                (pairs.score[outside & pairs.same] < threshold).mean(),
            ))  # fmt: skip
    assert (found["other_fmr"], found["other_fnmr"]) == pytest.approx(np.mean(rates, axis=0))
    assert other_half(pairs, 1e-3, 7) == {}  # too few pairs in a half


def test_failures_are_in_the_false_rejects():
    failed = np.array(["", "crop"] * 7)
    attempts = Attempts(np.arange(14), 14, failed, {}, 2, 20)
    errors, _ = trade_off(pairs_of(), None, attempts, 0)
    row = errors.iloc[1]
    assert row["frr"] == pytest.approx(0.5 + 0.5 * row["fnmr"])
    assert row["gfrr"] == pytest.approx(0.1 + 0.9 * row["frr"])


def test_the_det_curve_is_the_table_at_all_rates():
    pairs = pairs_of(steps=50)
    draws = draw_people(14, 60, 1)
    _, det = trade_off(pairs, draws, None, 0)
    assert det["fmr"].iloc[0] >= 1 / pairs.impostors and det["fmr"].iloc[-1] == 0.5
    for row in det[::9].to_dict("records"):
        assert row["fnmr"] == pytest.approx(1 - pairs.tar_at(row["fmr"]), abs=1e-12)
    assert (np.diff(det["fnmr"]) <= 0).all()
    assert (det["low"] <= det["high"]).all()


@pytest.mark.parametrize("score", [np.zeros(6), np.arange(6.0)])
def test_one_kind_of_pairs_and_equal_scores(score):
    for same in (np.ones(6, bool), np.zeros(6, bool), np.arange(6) < 3):
        people = np.arange(6) // 2
        pairs = Verification(score, same, people, people)
        errors, det = trade_off(pairs, draw_people(3, 10, 0), None, 0)
        assert errors["fmr"].tolist() == list(FMRS)
        assert (len(det) > 0) == (0 < same.sum() < 6)
        if not same.any():
            assert set(errors["note"]) == {"no pairs of one person"}
    assert det_rates(Verification(score, np.ones(6, bool))) == []


def test_the_rate_that_groups_are_compared_at_has_enough_false_matches():
    for impostors, rate in ((30_996, 1e-2), (999, None), (1000, 1e-1), (1_000_000, 1e-4)):
        assert operating_rate(Verification(np.zeros(impostors), np.zeros(impostors, bool))) == rate
