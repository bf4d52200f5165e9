"""Whether the embedding's magnitude measures the quality of a capture.

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
from psface.measures.verification import Metrics, rate_name
from psface.stereo.map_files import truth_path

FMRS = (1e-2, 1e-3)
REJECTED = np.linspace(0, 0.9, 91)  # shares of the genuine pairs


@dataclass(frozen=True)
class RejectCurve:
    """FNMR over the rejected share of genuine pairs, at a threshold fixed beforehand.

    Attributes
    ----------
    fmr : float
        False match rate over all pairs, which sets the threshold.
    fnmr : (n,)
        With the pairs of lowest quality rejected, at each of `REJECTED`.
    random, ideal : (n,)
        With random pairs rejected (the expectation), and with the false non-matches rejected.
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
        """Where the area lies between random (0) and ideal (1); None without an error."""
        span = self.area(self.random) - self.area(self.ideal)
        return (self.area(self.random) - self.area(self.fnmr)) / span if span > 0 else None


@dataclass(frozen=True)
class Quality:
    """What magnitude says about captures.

    Attributes
    ----------
    details : dict
        ``quality_gain_<fmr>`` and ``magnitude_vs_<condition>``.
    captures : DataFrame
        A row per capture: ``identity``, ``session``, ``magnitude``, ``noise`` and ``yaw``.
    rejects : DataFrame
        Error-versus-reject curves; see `curves_table`.
    """

    details: Metrics
    captures: pd.DataFrame
    rejects: pd.DataFrame


def assess_quality(scores: Scores, captures: Iterable[Capture]) -> Quality:
    """Assess magnitude as a quality measure; ``captures`` include those of ``scores``."""
    curves = [c for fmr in FMRS if (c := reject_curve(scores, fmr)) is not None]
    truth = true_conditions(scores, captures)
    details: Metrics = {f"quality_gain_{rate_name(c.fmr)}": c.gain for c in curves}
    for name in ("noise", "yaw"):
        details[f"magnitude_vs_{name}"] = correlation_within_people(
            scores.magnitude, truth[name].to_numpy(float), scores.identity
        )
    scored = {"identity": scores.identity, "session": scores.session, "magnitude": scores.magnitude}
    table = pd.concat([pd.DataFrame(scored), truth], axis=1)
    return Quality(details, table, curves_table(curves))


def reject_curve(scores: Scores, fmr: float) -> RejectCurve | None:
    """The error-versus-reject curve; a pair's quality is the lower magnitude of its two captures.

    None if there are too few impostor pairs to measure such a rate.
    """
    same = scores.same
    threshold = scores.verification.threshold_at(fmr)
    if threshold is None:
        return None
    first, second = scores.first[same], scores.second[same]
    quality = np.minimum(scores.magnitude[first], scores.magnitude[second])
    missed = (scores.cosine[same] < threshold)[np.argsort(quality, kind="stable")]
    return RejectCurve(
        fmr,
        _fnmr(missed),
        np.full(len(REJECTED), missed.mean()),
        _fnmr(np.sort(missed)[::-1]),
    )


def _fnmr(missed: np.ndarray) -> np.ndarray:
    """Share missed of the remaining pairs (n,), rejecting ``missed`` (P,) from the front."""
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


def true_conditions(scores: Scores, captures: Iterable[Capture]) -> pd.DataFrame:
    """``noise`` (grey levels) and ``yaw`` (degrees from frontal) of each test capture, NaN without
    ground truth, which only simulated captures have."""
    keys = list(zip(scores.identity.tolist(), scores.session.tolist(), strict=True))
    row_of = {key: row for row, key in enumerate(keys)}
    noise, yaw = np.full((2, len(keys)), np.nan)
    for capture in captures:
        row = row_of.get((capture.identity, capture.name))
        if row is not None:
            truth = _read_truth(truth_path(capture).with_suffix(".json"))
            noise[row], yaw[row] = truth.get("noise", np.nan), abs(truth.get("yaw", np.nan))
    return pd.DataFrame({"noise": noise, "yaw": yaw})


def _read_truth(path: Path) -> dict[str, float]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def correlation_within_people(
    magnitude: np.ndarray, condition: np.ndarray, identity: np.ndarray
) -> float | None:
    """Rank correlation between captures of one person, over all people.

    People differ in magnitude whatever the capture, so each person's mean is subtracted from both
    ranks. Captures of unknown condition are left out; None if the rest do not vary.
    """
    known = np.isfinite(condition)
    ranks = pd.DataFrame({"m": magnitude[known], "c": condition[known]}).rank()
    centred = ranks - ranks.groupby(identity[known]).transform("mean")
    if (centred.abs().max() < 1e-9).any() or not len(centred):
        return None
    return float(centred["m"].corr(centred["c"]))
