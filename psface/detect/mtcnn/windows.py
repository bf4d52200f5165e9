"""Windows of images, as R-Net and O-Net see them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from psface.detect.mtcnn.networks import normalised


def cut(images: Tensor, owner: np.ndarray, boxes: np.ndarray, size: int) -> Tensor:
    """Cut out boxes bilinearly, scaled to (n, 3, size, size) and normalised; zero outside.

    ``images`` is (B, H, W, C) in [0, 255].
    """
    _, height, width, channels = images.shape
    steps = np.linspace(0, 1, size, dtype=np.float32)
    low, high, share, inside = [], [], [], []
    for axis, limit in ((1, height), (0, width)):
        # The mtcnn package gives boxes as shares of the image but samples at pixel centres.
        first, last = (boxes[:, axis + i, None] / limit * (limit - 1) for i in (0, 2))
        at = first + (last - first) * steps
        inside.append((at >= 0) & (at <= limit - 1))
        low.append(np.floor(at).clip(0, max(limit - 2, 0)).astype(np.int64))
        high.append(np.minimum(low[-1] + 1, limit - 1))
        share.append((at - low[-1]).astype(np.float32))

    pixel = images.reshape(-1, channels)
    above, below = ((owner[:, None] * height + rows) * width for rows in (low[0], high[0]))

    def sample(line: np.ndarray, columns: np.ndarray) -> Tensor:
        index = torch.from_numpy((line[:, :, None] + columns[:, None, :]).ravel())
        picked = pixel.index_select(0, index.to(images.device))
        return picked.float().reshape(-1, size, size, channels)

    down = torch.from_numpy(share[0][:, :, None, None]).to(images.device)
    right = torch.from_numpy(share[1][:, None, :, None]).to(images.device)
    top = sample(above, low[1]).lerp(sample(above, high[1]), right)
    window = top.lerp(sample(below, low[1]).lerp(sample(below, high[1]), right), down)
    visible = torch.from_numpy((inside[0][:, :, None] & inside[1][:, None, :])[..., None])
    return normalised(window) * visible.to(images.device).permute(0, 3, 1, 2)
