"""Fit lamps to the shading of matte balls, without what no lamp explains."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from psface.rig.calibration.reflectance import TERMS, Points, radiance, slopes

STEPS = 40  # at most
SETTLED = 1e-4  # relative change of the lamps
GRAZING = 0.03  # cosine of light below which a point counts as unlit
OUTLIER = 12.0  # times the spread: where gloss, shadow or dirt weigh a quarter
FARTHEST = 1e6  # times that: the weight is 0, and its square not too large
FLOOR = 0.05  # of the light: errors grow with brightness plus this
SHAPE_PRIOR = 0.3  # typical coefficients of g
PRIOR_POINTS = 50  # independent points that the prior counts as much as
MODEL_ERROR = 0.005  # of the brightness: no fit is better


@dataclass(frozen=True)
class MatteFit:
    """Lamps that explain the shading of matte balls.

    Attributes
    ----------
    lamps : (n, 3) or (n, 3 + places)
        Directions as long as the lamps are strong, or positions in mm and the logarithms of
        intensities at each place.
    shape : (3,)
        Of the reflection; see `psface.rig.calibration.reflectance`.
    weights : (n, P)
        In [0, 1]: how much each point counted.
    residuals : (n,)
        Relative to the light: root mean square over the points, weighted.
    covariances : (n, k, k)
        Of the lamps, by the jackknife over parts of the balls.
    """

    lamps: np.ndarray
    shape: np.ndarray
    weights: np.ndarray
    residuals: np.ndarray
    covariances: np.ndarray


def first_guess(values: np.ndarray, points: Points) -> np.ndarray:
    """Directions (n, 3) by plain least squares over the brighter points of values (n, P)."""
    out = []
    for frame in values:
        bright = frame > 0.1 * np.median(frame[frame > 0.1 * np.percentile(frame, 90)])
        out.append(np.linalg.lstsq(points.normals[bright], frame[bright], rcond=None)[0])
    return np.array(out)


def fit_matte(
    values: np.ndarray, usable: np.ndarray, points: Points, parts: np.ndarray, lamps: np.ndarray
) -> MatteFit:
    """Fit lamps, and how the balls reflect, by robust least squares (Gauss-Newton).

    Residuals count relative to brightness, since errors of the model grow with it, and by the
    weights of Geman and McClure, which leave out points far off: highlights, cast shadows, dirt.
    Points in attached shadow are left out by the lamp itself.

    Parameters
    ----------
    values : (n, P)
        Light of each point, in each frame.
    usable : (n, P) bool
        Not saturated.
    points : Points
    parts : (P,) int
        The part of a ball, for the jackknife.
    lamps : (n, 3) or (n, 3 + places)
        A first guess; see `MatteFit`.
    """
    lamps, shape, damping = lamps.astype(np.float64), np.zeros(TERMS), 1e-6
    weights, precision = _weights(values, usable, points, lamps, shape)
    for _ in range(STEPS):
        by_lamp, by_shape, seen = slopes(lamps, shape, points)
        normal = _Normal.of(by_lamp, by_shape, weights * precision, values - seen)
        normal = normal.with_prior(shape, values.shape[1])
        moves, turn = normal.solve(damping)
        better = radiance(lamps + moves, shape + turn, points)[0]
        cost = [float((weights * precision * (values - m) ** 2).sum()) for m in (seen, better)]
        if not cost[1] <= cost[0] * (1 + 1e-3):
            damping *= 30
            if damping > 1e6:
                break
            continue
        damping = max(damping / 10, 1e-9)
        lamps, shape = lamps + moves, shape + turn
        weights, precision = _weights(values, usable, points, lamps, shape)
        size = np.linalg.norm(lamps[:, :3], axis=1)
        if (np.linalg.norm(moves[:, :3], axis=1) < SETTLED * size).all():
            break
    by_lamp, by_shape, seen = slopes(lamps, shape, points)
    light = radiance(lamps, shape, points)[1].mean(axis=1)
    total = np.maximum(weights.sum(axis=1), 1e-9)
    residuals = np.sqrt((weights * (values - seen) ** 2).sum(axis=1) / total) / light
    covariances = _jackknife(by_lamp, by_shape, weights * precision, values - seen, shape, parts)
    return MatteFit(lamps, shape, weights, residuals, covariances)


def _weights(
    values: np.ndarray, usable: np.ndarray, points: Points, lamps: np.ndarray, shape: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Robust weights (n, P) in [0, 1], and the inverse variances that they multiply."""
    seen, light, cosines = radiance(lamps, shape, points)
    lit = usable & (cosines > GRAZING)
    typical = np.maximum(seen, 0) + FLOOR * light
    relative = (values - seen) / typical
    spread = np.array(
        [
            np.median(np.abs(row[on])) if on.any() else 1.0
            for row, on in zip(relative, lit, strict=True)
        ]
    )
    spread = np.maximum(1.4826 * spread, MODEL_ERROR)[:, None]
    far = np.minimum(np.abs(relative) / (OUTLIER * spread), FARTHEST)
    weights = lit / (1 + far**2) ** 2
    return weights, 1 / (typical * spread) ** 2


@dataclass(frozen=True)
class _Normal:
    """The normal equations: a block per lamp, and the shape that all share."""

    lamp: np.ndarray
    lamp_side: np.ndarray
    mixed: np.ndarray
    shape: np.ndarray
    shape_side: np.ndarray

    @staticmethod
    def of(
        by_lamp: np.ndarray, by_shape: np.ndarray, weights: np.ndarray, rest: np.ndarray
    ) -> _Normal:
        weighted = (weights[..., None] * by_lamp).swapaxes(1, 2)
        turned = (weights[..., None] * by_shape).swapaxes(1, 2)
        return _Normal(
            weighted @ by_lamp,
            (weighted @ rest[..., None])[..., 0],
            weighted @ by_shape,
            (turned @ by_shape).sum(axis=0),
            (turned @ rest[..., None])[..., 0].sum(axis=0),
        )

    def with_prior(self, shape: np.ndarray, points: int) -> _Normal:
        """Add what is known of the shape."""
        # Neighbouring points err alike, so that they count for far fewer.
        prior = points / PRIOR_POINTS / SHAPE_PRIOR**2
        return replace(
            self,
            shape=self.shape + prior * np.eye(len(shape)),
            shape_side=self.shape_side - prior * shape,
        )

    def without(self, part: _Normal) -> _Normal:
        """Leave out the points of a part."""
        mine, other = vars(self), vars(part)
        return _Normal(**{name: mine[name] - other[name] for name in mine})

    def solve(self, damping: float) -> tuple[np.ndarray, np.ndarray]:
        """Steps of the lamps (n, k) and of the shape, by the shape's Schur complement."""
        diagonal = np.einsum("naa->na", self.lamp)
        lamp = self.lamp + np.einsum(
            "na,ab->nab", damping * diagonal + 1e-12 * diagonal.max(), np.eye(diagonal.shape[1])
        )
        across = np.linalg.solve(lamp, self.mixed)
        alone = np.linalg.solve(lamp, self.lamp_side[..., None])[..., 0]
        rest = self.shape - np.einsum("nak,nal->kl", self.mixed, across)
        side = self.shape_side - np.einsum("nak,na->k", self.mixed, alone)
        turn = np.linalg.solve(rest * (1 + damping * np.eye(len(side))), side)
        return alone - across @ turn, turn


def _jackknife(
    by_lamp: np.ndarray, by_shape: np.ndarray, weights: np.ndarray, rest: np.ndarray,
    shape: np.ndarray, parts: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Covariances (n, k, k) of the lamps: how far they move, to first order, without each part.

    Efron and Stein 1981. Parts, not points, since errors of neighbours are alike.
    """
    whole = _Normal.of(by_lamp, by_shape, weights, rest).with_prior(shape, len(parts))
    numbers = np.unique(parts)
    moves = []
    for number in numbers:
        on = parts == number
        part = _Normal.of(by_lamp[:, on], by_shape[:, on], weights[:, on], rest[:, on])
        moves.append(whole.without(part).solve(0)[0])
    spread = np.array(moves) - np.mean(moves, axis=0)
    return np.einsum("bna,bnc->nac", spread, spread) * (len(numbers) - 1) / len(numbers)
