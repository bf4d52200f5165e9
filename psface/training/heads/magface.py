"""MagFace: a margin that grows with the embedding's magnitude.

Meng et al., "MagFace: A Universal Representation for Face Recognition and Quality Assessment",
CVPR 2021, https://arxiv.org/abs/2103.06627. Easy captures get large magnitudes and a wide
margin; hard ones keep small magnitudes and a narrow margin.
"""

from __future__ import annotations

import warnings

from torch import Tensor

from psface.training.heads.base import CosineHead, add_angle
from psface.training.heads.head_params import MagFaceParams


class MagFace(CosineHead):
    """Equations 2 to 6 of the paper.

    For an embedding f of magnitude a, clamped to [l_a, u_a], and class centre w_y,

        m(a) = (u_m - l_m) / (u_a - l_a) (a - l_a) + l_m
        t = exp(s cos(theta_y + m(a)))
        L = -log t / (t + sum_j exp(s cos theta_j))
        g(a) = 1 / a + a / u_a^2

    and the loss is the class-weighted mean of L plus ``lambda_g`` times the mean of g. Past
    theta_y + m = pi the logit continues linearly, as in the authors' code.
    """

    def __init__(self, embedding: int, weights: Tensor, params: MagFaceParams) -> None:
        super().__init__(embedding, weights)
        self.params = params
        self.scale = params.scale
        bound = lambda_bound(params)
        if params.lambda_g < bound:
            warnings.warn(
                f"train.heads.magface.lambda_g={params.lambda_g:g} is below the paper's bound "
                f"{bound:.1f}: magnitudes may not converge",
                stacklevel=2,
            )

    def with_margin(self, target: Tensor, embeddings: Tensor) -> Tensor:
        return add_angle(target, margin(self._magnitudes(embeddings), self.params))

    def regulariser(self, embeddings: Tensor) -> Tensor:
        a = self._magnitudes(embeddings)
        return self.params.lambda_g * (1 / a + a / self.params.upper_magnitude**2).mean()

    def _magnitudes(self, embeddings: Tensor) -> Tensor:
        p = self.params
        return embeddings.norm(dim=1).clamp(p.lower_magnitude, p.upper_magnitude)


def margin(magnitudes: Tensor, params: MagFaceParams) -> Tensor:
    """m(a): linear from lower_margin at lower_magnitude to upper_margin at upper_magnitude."""
    return _slope(params) * (magnitudes - params.lower_magnitude) + params.lower_margin


def lambda_bound(params: MagFaceParams) -> float:
    """The smallest lambda_g for which an optimal magnitude exists (property 2 of the paper):
    s k u_a^2 l_a^2 / (u_a^2 - l_a^2), with k the slope of m."""
    upper, lower = params.upper_magnitude**2, params.lower_magnitude**2
    return params.scale * _slope(params) * upper * lower / (upper - lower)


def _slope(params: MagFaceParams) -> float:
    span = params.upper_magnitude - params.lower_magnitude
    return (params.upper_margin - params.lower_margin) / span
