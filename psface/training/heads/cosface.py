"""CosFace: a fixed margin subtracted from the cosine.

Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", CVPR 2018, eq. 4,
https://arxiv.org/abs/1801.09414.
"""

from __future__ import annotations

from torch import Tensor

from psface.training.heads.base import MarginHead


class CosFace(MarginHead):
    """``s (cos(theta_y) - m)`` in place of ``s cos(theta_y)``."""

    def with_margin(self, target: Tensor, embeddings: Tensor) -> Tensor:
        return target - self.margin
