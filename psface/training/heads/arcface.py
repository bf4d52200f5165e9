"""ArcFace: a fixed margin added to the angle between embedding and centre.

Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019, eq. 3,
https://arxiv.org/abs/1801.07698.
"""

from __future__ import annotations

import torch
from torch import Tensor

from psface.training.heads.base import MarginHead, add_angle


class ArcFace(MarginHead):
    """``s cos(theta_y + m)`` in place of ``s cos(theta_y)``."""

    def with_margin(self, target: Tensor, embeddings: Tensor) -> Tensor:
        return add_angle(target, torch.full_like(target, self.margin))
