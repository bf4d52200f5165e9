"""CurricularFace: ArcFace that turns to hard negatives as training goes on.

Huang et al., "CurricularFace: Adaptive Curriculum Learning Loss for Deep Face Recognition", CVPR
2020, eq. 5 to 11, https://arxiv.org/abs/2004.00288.
"""

from __future__ import annotations

import torch
from torch import Tensor

from psface.training.heads.base import MarginHead, add_angle, put_target
from psface.training.heads.head_params import CurricularFaceParams


class CurricularFace(MarginHead):
    """ArcFace's target; a negative nearer than it, cos(theta_j) > cos(theta_y + m), counts as
    ``cos(theta_j) (t + cos(theta_j))``.

    t is a running mean of the targets' cosines, ``t = alpha r + (1 - alpha) t``, from zero: early
    in training hard negatives count for less, later for more.
    """

    t: Tensor

    def __init__(self, embedding: int, weights: Tensor, params: CurricularFaceParams) -> None:
        super().__init__(embedding, weights, params)
        self.alpha = params.alpha
        self.register_buffer("t", torch.zeros(()))

    def with_margin(
        self, cosines: Tensor, target: Tensor, labels: Tensor, embeddings: Tensor
    ) -> Tensor:
        if self.training:
            with torch.no_grad():
                self.t.lerp_(target.mean().to(self.t.dtype), self.alpha)
        moved = add_angle(target, torch.full_like(target, self.margin))
        hard = cosines > moved[:, None]
        return put_target(torch.where(hard, cosines * (self.t + cosines), cosines), labels, moved)
