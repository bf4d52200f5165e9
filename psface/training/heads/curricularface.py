"""CurricularFace: ArcFace that emphasises hard negatives as training progresses.

Huang et al., "CurricularFace: Adaptive Curriculum Learning Loss for Deep Face Recognition", CVPR
2020, eq. 5 to 11, https://arxiv.org/abs/2004.00288.
"""

from __future__ import annotations

import torch
from torch import Tensor

from psface.training.heads.base import MarginHead, add_angle
from psface.training.heads.head_params import CurricularFaceParams


class CurricularFace(MarginHead):
    """ArcFace with reweighted hard negatives.

    A negative nearer than the target, cos(theta_j) > cos(theta_y + m), becomes
    ``cos(theta_j) (t + cos(theta_j))``. t is a running mean of the targets' cosines,
    ``t = alpha r + (1 - alpha) t``, from zero: hard negatives count less early in training, and
    more later.
    """

    t: Tensor

    def __init__(self, embedding: int, weights: Tensor, params: CurricularFaceParams) -> None:
        super().__init__(embedding, weights, params)
        self.alpha = params.alpha
        self.register_buffer("t", torch.zeros(()))

    def with_margin(self, target: Tensor, embeddings: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                self.t.lerp_(target.mean().to(self.t.dtype), self.alpha)
        return add_angle(target, torch.full_like(target, self.margin))

    def negatives(self, cosines: Tensor, target: Tensor) -> Tensor:
        return torch.where(cosines > target[:, None], cosines * (self.t + cosines), cosines)
