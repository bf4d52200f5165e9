"""The measurement of the audit's own errors."""

import numpy as np
import pytest

from psface.commands.measure import audit_accuracy as module
from psface.commands.measure.audit_accuracy import measure


def test_measured(settings, one_process):
    table = measure(settings.simulate, settings.audit, 3)
    values = table.set_index(["quantity", "condition"])
    assert not values.index.duplicated().any()
    assert values.loc[("yaw: face not found, share", ""), "of"] == 3
    sharp = values.loc["blur: flagged, share"].filter(regex=r"blur (0|0.5) px", axis=0)
    blurred = values.loc["blur: flagged, share"].filter(regex=r"blur (2|3) px", axis=0)
    assert sharp["value"].dropna().eq(0).all() and blurred["value"].dropna().eq(1).all()
    assert sharp["of"].sum() == 6
    flagged = values.loc["pattern: flagged, share"]["value"]
    assert flagged[["direct", "JPEG", "JPEG, scaled"]].sum() == 0
    assert flagged[["halftone", "display"]].mean() > 0.6


def test_angles_against_plain_counting(settings):
    rng = np.random.default_rng(1)
    truth = rng.uniform(-50, 50, 40)
    found = [
        None if i % 10 == 3 else round(float(t + rng.normal(1, 4)), 1) for i, t in enumerate(truth)
    ]
    rows = [("yaw", float(t), 0.0, f) for t, f in zip(truth, found, strict=True)]
    told = {(q, c): (v, n) for q, c, v, n in module._angle_rows(rows, "yaw", 30.0)}
    pairs = [(t, f) for t, f in zip(truth, found, strict=True) if f is not None]
    error = [f - t for t, f in pairs]
    clear = [(t, f) for t, f in pairs if abs(abs(t) - 30) >= 5]

    def right(some):
        return sum((abs(t) <= 30) == (abs(f) <= 30) for t, f in some) / len(some)

    expected = {
        ("yaw: face not found, share", ""): (0.1, 40),
        ("yaw: mean absolute error, degrees", ""): (sum(map(abs, error)) / 36, 36),
        ("yaw: bias, degrees", ""): (sum(error) / 36, 36),
        ("yaw: right verdicts, share", "any angle"): (right(pairs), 36),
        ("yaw: right verdicts, share", "5 degrees or more from 30"): (right(clear), len(clear)),
    }
    for key, (value, count) in expected.items():
        assert told[key] == (pytest.approx(value, abs=6e-4), count)
