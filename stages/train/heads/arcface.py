"""ArcFace: a fixed angle is added to the angle between embedding and centre.

Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019, eq. 3,
https://arxiv.org/abs/1801.07698.
"""

from __future__ import annotations

import torch
from torch import Tensor

from stages.params import MarginParams
from stages.train.heads.base import CosineHead, add_angle, put_target


class ArcFace(CosineHead):
    """``s cos(theta_y + m)`` in place of ``s cos(theta_y)``."""

    def __init__(self, embedding: int, weights: Tensor, params: MarginParams) -> None:
        super().__init__(embedding, weights)
        self.scale, self.margin = params.scale, params.margin

    def with_margin(
        self, cosines: Tensor, target: Tensor, labels: Tensor, embeddings: Tensor
    ) -> Tensor:
        return put_target(cosines, labels, add_angle(target, torch.full_like(target, self.margin)))
