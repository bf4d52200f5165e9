"""Standardisation of stored values into the network's input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from psface.model.device import on_device

LIMIT = 3.0  # standard deviations
REACH = 2.5  # standard deviations at which the Gaussian ends
LEAST = 1e-3  # a channel's deviation, at least: a flat one has no details


@dataclass(frozen=True)
class Scale:
    """Standardise stored values into the network's input.

    ``(value - mean) / std`` per channel, clamped to [-limit, limit]: otherwise the depth map of a
    strongly turned face would exceed everything seen in training.

    With ``detail``, every capture is standardised by itself, and only what is finer than that is
    kept: of each channel its mean about the pixel is subtracted, weighted by a Gaussian of
    ``detail`` times the side, and the rest divided by its root mean square, both over the pixels
    that show the face. Lamps that are nearer, stronger or elsewhere than the rig says make errors
    that are smooth across the face, and so do the albedo's unknown scale and the depth's tilt; what
    distinguishes people is finer (Xie & Lam, "An efficient illumination normalization method for
    face recognition", Pattern Recognition Letters 27, 2006, for pictures).

    Attributes
    ----------
    mean, std : list of float
        Of each channel.
    limit : float
        In standard deviations.
    detail : float
        Standard deviation of the Gaussian as a share of the side; 0 standardises by ``mean`` and
        ``std``.

    Examples
    --------
    A face twice as bright, and brighter from left to right, is the same input:

    >>> face = np.random.default_rng(0).uniform(0.4, 0.6, (1, 1, 32, 32)).astype(np.float32)
    >>> lit = 2 * face + np.linspace(0, 0.2, 32, dtype=np.float32)
    >>> scale = Scale([0.5], [0.1], limit=3.0, detail=0.06)
    >>> one, other = (scale.applied(x, torch.device("cpu")) for x in (face, lit))
    >>> bool((one - other)[..., 4:-4].abs().max() < 0.02)
    True
    """

    mean: list[float]
    std: list[float]
    limit: float
    detail: float = 0.0

    def applied(self, values: np.ndarray | Tensor, device: torch.device) -> Tensor:
        """Stored values (B, C, S, S) as the network's input on ``device``."""
        batch = on_device(values, device)
        if self.detail:
            return details(batch, self.detail * batch.shape[-1]).clamp(-self.limit, self.limit)
        mean, std = on_device(torch.tensor([self.mean, self.std])[:, :, None, None], device)
        return ((batch - mean) / std).clamp(-self.limit, self.limit)


def details(batch: Tensor, sigma: float) -> Tensor:
    """What maps (B, C, S, S) have that is finer than ``sigma`` px, of unit root mean square.

    Pixels where all channels are zero do not show the face; they stay zero.
    """
    with torch.autocast(batch.device.type, enabled=False):  # half precision has no fine details
        shown = (batch != 0).any(1, keepdim=True).to(batch.dtype)
        around = blurred(batch, sigma) / blurred(shown, sigma).clamp(min=LEAST)
        fine = (batch - around) * shown
        count = shown.sum((2, 3), keepdim=True).clamp(min=1)
        square = fine.square().sum((2, 3), keepdim=True) / count
        return fine / square.sqrt().clamp(min=LEAST)


def blurred(batch: Tensor, sigma: float) -> Tensor:
    """Convolve (B, C, S, S) with a Gaussian of ``sigma`` px, zero beyond the borders."""
    steps = torch.arange(batch.shape[-1], device=batch.device, dtype=batch.dtype)
    reach = max(1, round(REACH * sigma))
    whole = torch.arange(-reach, reach + 1, device=batch.device, dtype=batch.dtype)
    # Along one axis as a matrix (S, S): the product is quicker than a convolution, and symmetric.
    away = steps[:, None] - steps
    along = torch.exp(-0.5 * (away / sigma) ** 2) * (away.abs() <= reach)
    along = along / torch.exp(-0.5 * (whole / sigma) ** 2).sum()
    return along @ batch @ along
