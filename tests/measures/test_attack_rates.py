"""Error rates of attack detection against plain counting."""

import numpy as np
import pytest

from psface.measures.attack_rates import threshold_against, threshold_at


@pytest.mark.parametrize("n", [19, 20, 99, 100, 500])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_a_threshold_keeps_its_rate_on_the_live_captures_that_gave_it(n, rate):
    live = np.round(np.random.default_rng(n).random(n), 2)  # with ties
    threshold = threshold_at(live, rate)
    if n + 1 < 1 / rate:
        assert np.isnan(threshold)
        return
    assert threshold in live
    assert sum(score < threshold for score in live) <= rate * (n + 1) - 1 + 1e-9
    higher = min((score for score in live if score > threshold), default=np.inf)
    assert sum(score < higher for score in live) >= rate * n - 1  # no higher one would do


def test_a_further_live_capture_is_rejected_at_the_rate_on_average():
    rng, rejected = np.random.default_rng(0), 0
    for _ in range(2000):
        scores = rng.random(40)
        rejected += scores[39] < threshold_at(scores[:39], 0.05)
    assert rejected / 2000 == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("apcer", [0.0, 0.1, 0.25, 1.0])
def test_the_threshold_against_attacks_is_the_laxest_by_trying_all(apcer):
    rng = np.random.default_rng(3)
    live, attacks = np.round(rng.normal(1, 1, 60), 1), np.round(rng.normal(0, 1, 40), 1)
    attacks[:4] = np.nan
    tried = [*live, *attacks[4:], np.inf]
    tried += [np.nextafter(t, np.inf) for t in tried]
    allowed = [t for t in tried if sum(attacks >= t) / 40 <= apcer + 1e-12]
    threshold = threshold_against(attacks, apcer)
    assert sum(attacks >= threshold) / 40 <= apcer
    assert sum(live < threshold) == min(sum(live < t) for t in allowed)
