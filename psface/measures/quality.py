"""Whether the embedding's magnitude says how good a capture is.

Grother & Tabassi, "Performance of Biometric Quality Measures", PAMI 29(4), 2007: rejecting the
captures of the lowest quality should lower the false non-match rate. MagFace's claim is that the
magnitude is such a quality (Meng et al., CVPR 2021, section 3.3).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from psface.captures.capture import Capture
from psface.measures.scores import Scores
from psface.stereo.map_files import truth_path

REJECTED = np.linspace(0, 0.9, 91)  # shares of the genuine pairs


@dataclass(frozen=True)
class RejectCurve:
    """FNMR over the rejected share of genuine pairs, at a threshold fixed before.

    Attributes
    ----------
    fmr : float
        False match rate that set the threshold, over all pairs.
    fnmr : (n,)
        With the pairs of lowest quality rejected, at each of `REJECTED`.
    random, ideal : (n,)
        Had the rejected been drawn at random (its expectation), or been the false non-matches.
    """

    fmr: float
    fnmr: np.ndarray
    random: np.ndarray
    ideal: np.ndarray

    def area(self, curve: np.ndarray) -> float:
        """Mean of a curve over the rejected shares."""
        return float(np.trapezoid(curve, REJECTED) / REJECTED[-1])

    @property
    def gain(self) -> float | None:
        """How far the area lies from random's (0) towards ideal's (1); None without an error."""
        span = self.area(self.random) - self.area(self.ideal)
        return (self.area(self.random) - self.area(self.fnmr)) / span if span > 0 else None


def reject_curve(scores: Scores, fmr: float) -> RejectCurve | None:
    """The error-versus-reject curve; a pair's quality is the lower magnitude of its two captures.

    None when there are too few impostor pairs to see such a rate.
    """
    same = scores.same
    threshold = scores.verification.threshold_at(fmr)
    if threshold is None:
        return None
    quality = np.minimum(scores.magnitude[scores.first], scores.magnitude[scores.second])[same]
    missed = (scores.cosine[same] < threshold)[np.argsort(quality, kind="stable")]
    return RejectCurve(
        fmr,
        _fnmr(missed),
        np.full(len(REJECTED), missed.mean()),
        _fnmr(np.sort(missed)[::-1]),
    )


def _fnmr(missed: np.ndarray) -> np.ndarray:
    """(n,) share missed among those left, rejecting (P,) bool from the front."""
    first = np.floor(REJECTED * len(missed) + 1e-9).astype(int)  # 0.1 * 180 is a hair under 18
    return np.array([missed[start:].mean() for start in first])


def curves_table(curves: Sequence[RejectCurve]) -> pd.DataFrame:
    """All curves as one table: fmr, rejected, fnmr, random, ideal."""
    rows = [
        (c.fmr, *point)
        for c in curves
        for point in zip(REJECTED, c.fnmr, c.random, c.ideal, strict=True)
    ]
    return pd.DataFrame(rows, columns=["fmr", "rejected", "fnmr", "random", "ideal"])


def true_conditions(scores: Scores, sessions: Iterable[Capture]) -> pd.DataFrame:
    """``noise`` (grey levels) and ``yaw`` (degrees from frontal) of each test capture, NaN where a
    capture does not come with its truth; only simulated ones do."""
    keys = list(zip(scores.identity.tolist(), scores.session.tolist(), strict=True))
    tested = set(keys)
    by_name = {key: s for s in sessions if (key := (s.identity, s.name)) in tested}
    rows = []
    for key in keys:
        told: dict[str, float] = {}
        if key in by_name:
            path = truth_path(by_name[key]).with_suffix(".json")
            told = _read_truth(path)
        rows.append({"noise": told.get("noise", np.nan), "yaw": abs(told.get("yaw", np.nan))})
    return pd.DataFrame(rows)


def _read_truth(path: Path) -> dict[str, float]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def correlation_within_people(
    magnitude: np.ndarray, condition: np.ndarray, identity: np.ndarray
) -> float | None:
    """Rank correlation between captures of one person, over all people.

    People differ in magnitude whatever the capture: of both ranks, each person's mean is taken
    away. Captures of unknown condition are left out; None where what is left tells nothing.
    """
    known = np.isfinite(condition)
    ranks = pd.DataFrame({"m": magnitude[known], "c": condition[known]}).rank()
    own = ranks - ranks.groupby(identity[known]).transform("mean")
    if (own.abs().max() < 1e-9).any() or not len(own):
        return None
    return float(own["m"].corr(own["c"]))
