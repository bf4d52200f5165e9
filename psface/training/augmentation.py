"""Augmentation, with one draw for all maps of a capture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from psface.model.embedding import mirror
from psface.training.draws import Draws

# Of crops from detected landmarks about those from true ones: standard deviations.
SHIFT_SD = 0.01  # of the side
ROTATION_SD = 0.035  # rad
SIZE_SD = 0.03  # of the logarithm
MIRROR_PROBABILITY = 0.5
PATCH_PROBABILITY = 0.5
PATCH_SIDE = (0.1, 0.35)  # as a share of the crop's side


def moved(values: Tensor, x_channels: list[int], draws: Draws) -> Tensor:
    """Shift, turn, scale and mirror crops as much as the detector's landmarks scatter.

    Larger shifts, of a twentieth of the side, keep a network of few people from learning.

    Parameters
    ----------
    values : (B, C, S, S) float32
        Stored maps, stacked; zero outside the face.
    x_channels : list of int
        Channels with the x component of a normal, which y follows: normals turn with the crop, and
        a mirror flips x.
    draws : Draws
        Random numbers of the batch.
    """
    chosen = draws.uniform()[0] < MIRROR_PROBABILITY
    values = torch.where(chosen[:, None, None, None], mirror(values, x_channels), values)
    across, down, turn, size = draws.gaussian(4).unbind(1)
    angle = ROTATION_SD * turn
    cos, sin = angle.cos(), angle.sin()
    scale = torch.exp(SIZE_SD * size)
    # From the crop's coordinates, which run from -1 to 1, to those of its source.
    matrix = torch.stack(
        [
            torch.stack([scale * cos, -scale * sin, 2 * SHIFT_SD * across], 1),
            torch.stack([scale * sin, scale * cos, 2 * SHIFT_SD * down], 1),
        ],
        dim=1,
    )
    if not len(values):  # a rank without rows, which draws as the others do
        return values
    shown = (values != 0).any(1, keepdim=True).to(values.dtype)
    grid = functional.affine_grid(matrix, list(values.shape), align_corners=False)
    sampled = functional.grid_sample(torch.cat([values, shown], 1), grid, align_corners=False)
    out, weight = sampled[:, :-1], sampled[:, -1:]
    out = torch.where(weight > 0.5, out / weight.clamp(min=0.5), 0.0)
    cos, sin = cos[:, None, None], sin[:, None, None]
    for channel in x_channels:
        x, y = out[:, channel].clone(), out[:, channel + 1].clone()
        out[:, channel], out[:, channel + 1] = cos * x - sin * y, sin * x + cos * y
    return out


def any_frame(frames: Tensor, draws: Draws) -> Tensor:
    """One of each capture's frames (B, k, S, S), drawn at random, (B, 1, S, S).

    A network that sees a person under every lamp learns what does not depend on the lamp.
    """
    chosen = (draws.uniform()[0] * frames.shape[1]).long()
    return frames[torch.arange(len(frames), device=frames.device), chosen][:, None]


def patched(batch: Tensor, draws: Draws) -> Tensor:
    """Replace a patch of some standardised crops (B, C, S, S) by noise."""
    side = batch.shape[-1]
    chosen = draws.uniform()[0] < PATCH_PROBABILITY
    low, high = PATCH_SIDE
    size = (low + (high - low) * draws.uniform(2)) * side
    corner = draws.uniform(2) * (side - size)
    steps = torch.arange(side, device=batch.device)
    inside = (steps >= corner[..., None]) & (steps < (corner + size)[..., None])
    patch = inside[0, :, :, None] & inside[1, :, None, :] & chosen[:, None, None]
    return torch.where(patch[:, None], draws.noise(batch), batch)
