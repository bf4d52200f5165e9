"""MagFace: a margin that grows with the embedding's magnitude.

Meng et al., "MagFace: A Universal Representation for Face Recognition and Quality Assessment",
CVPR 2021, https://arxiv.org/abs/2103.06627. Easy captures are pulled to large magnitudes and held
to a wide margin; hard ones stay small and are left alone.
"""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.params import MagFaceParams

# Where the cosine's rounding would leave [-1, 1], the sine's gradient would be infinite.
EDGE = 1e-6


class MagFace(nn.Module):
    """Weighted MagFace loss over ``classes`` identities (eq. 2 to 6 of the paper).

    For an embedding f of magnitude a, clamped to [l_a, u_a], and class centre w_y,

        m(a) = (u_m - l_m) / (u_a - l_a) (a - l_a) + l_m
        t = exp(s cos(theta_y + m(a)))
        L = -log t / (t + sum_j exp(s cos theta_j))
        g(a) = 1 / a + a / u_a^2

    and the loss is the class-weighted mean of L plus ``lambda_g`` times the mean of g. Where
    theta_y + m would pass pi, the logit goes on linearly, as in the authors' code.
    """

    weights: Tensor

    def __init__(self, embedding: int, weights: Tensor, params: MagFaceParams) -> None:
        """``weights`` (classes,) weigh the identities; they are used as they are."""
        super().__init__()
        self.params = params
        self.register_buffer("weights", weights)
        self.centres = nn.Parameter(torch.empty(len(weights), embedding))
        nn.init.normal_(self.centres)
        bound = lambda_bound(params)
        if params.lambda_g < bound:
            warnings.warn(
                f"train.magface.lambda_g={params.lambda_g:g} is under the paper's bound {bound:.1f}"
                ": magnitudes need not converge",
                stacklevel=2,
            )

    def forward(self, embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of (B, D) embeddings with (B,) labels.

        Returns
        -------
        loss : ()
        magnitudes : (B,)
            Unclamped lengths of the embeddings.
        """
        p = self.params
        magnitudes = embeddings.norm(dim=1)
        a = magnitudes.clamp(p.lower_magnitude, p.upper_magnitude)
        margins = margin(a, p)
        cosines = functional.linear(
            functional.normalize(embeddings), functional.normalize(self.centres)
        )
        rows = torch.arange(len(labels), device=labels.device)
        logits = cosines.clone()
        logits[rows, labels] = add_angle(cosines[rows, labels], margins)
        losses = functional.cross_entropy(p.scale * logits, labels, reduction="none")
        weights = self.weights[labels]
        regulariser = 1 / a + a / p.upper_magnitude**2
        loss = (weights * losses).sum() / weights.sum() + p.lambda_g * regulariser.mean()
        return loss, magnitudes


def margin(magnitudes: Tensor, params: MagFaceParams) -> Tensor:
    """m(a): linear from lower_margin at lower_magnitude to upper_margin at upper_magnitude."""
    span = params.upper_magnitude - params.lower_magnitude
    slope = (params.upper_margin - params.lower_margin) / span
    return slope * (magnitudes - params.lower_magnitude) + params.lower_margin


def add_angle(cosine: Tensor, angle: Tensor) -> Tensor:
    """cos(theta + angle) from cos(theta); past pi it goes on falling, as a straight line."""
    inside = cosine.clamp(-1 + EDGE, 1 - EDGE)
    sine = (1 - inside * inside).sqrt()
    turned = cosine * angle.cos() - sine * angle.sin()
    beyond = cosine - angle * (math.pi - angle).sin()
    return torch.where(cosine > (math.pi - angle).cos(), turned, beyond)


def lambda_bound(params: MagFaceParams) -> float:
    """The least lambda_g for which an optimal magnitude exists (property 2 of the paper):
    s k u_a^2 l_a^2 / (u_a^2 - l_a^2), with k the slope of m."""
    upper, lower = params.upper_magnitude**2, params.lower_magnitude**2
    span = params.upper_magnitude - params.lower_magnitude
    slope = (params.upper_margin - params.lower_margin) / span
    return params.scale * slope * upper * lower / (upper - lower)
