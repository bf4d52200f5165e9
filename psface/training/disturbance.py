"""Errors of stereo as augmentation: what another rig makes of the same face.

Stereo solves L g = I for g = rho n. Lamps that stand, or shine, other than the rig says give
g' = (L^+ L') g: a matrix near the identity, constant for distant lamps and smooth across the face
for near ones. Where a shadow hides a lamp, g changes by a vector, within a sharp outline. And the
picture may end inside the crop, or the face be too dark to be solved for: nothing is known there.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from psface.faces.modalities import PICTURES, Map
from psface.training.draws import Draws

ERROR = 0.07  # of each entry of the matrix: of its constant and of its smooth part
CELLS = 3  # knots of smooth fields along each axis
SHADOW = 0.35  # of |g|, by which it changes in a shadow
SHADOW_PROBABILITY = 0.6
SHADOW_CELLS = 6
SHADOW_LEVEL = (1.2, 2.2)  # of a field of unit variance; shadows are where it is higher
SHARPNESS = 12.0  # of a shadow's edge
GAIN, GAIN_CELLS = 0.15, 4  # of the logarithm of the albedo: gloss, room light
DEPTH_SCALE, DEPTH_ERROR = 0.15, 0.01  # relative; and as a share of the side
CUT_PROBABILITY = 0.5  # of each side of the crop
LARGEST_CUTS = (0.28, 0.28, 0.38, 0.15)  # left, right, top, bottom: as shares of the side
HOLE_CELLS, HOLE_LEVEL = 5, (2.0, 3.0)  # as of shadows
TINY = 1e-6


def disturb(
    values: Tensor, maps: Sequence[Map], channels: Sequence[int], draws: Draws, strength: float
) -> Tensor:
    """Change stored maps as an imperfect rig would, one draw for all maps of a capture.

    Pictures (``raw``, ``frames``) stay as they are: they are not solved for.

    Parameters
    ----------
    values : (B, C, S, S) float32
        Stored values, not standardised; zero outside the face, where they stay zero.
    maps, channels : sequences
        The maps stacked in ``values``, and how many channels each has.
    draws : Draws
        Random numbers of the batch.
    strength : float
        Factor on all errors.

    Examples
    --------
    >>> up = torch.tensor([0.0, 0.0, 1.0])[None, :, None, None].expand(1, 3, 8, 8)
    >>> draws = Draws(torch.Generator().manual_seed(0), slice(0, 1), 1)
    >>> tilted = disturb(up, ["normalmap"], [3], draws, 1.0)
    >>> bool(tilted.norm(dim=1).sub(1).abs().max() < 1e-5), bool((tilted == up).all())
    (True, False)
    """
    parts = dict(zip(maps, values.split(list(channels), 1), strict=True))
    shown = (values != 0).any(1, keepdim=True)
    pictures = not parts.keys().isdisjoint(PICTURES)
    if "normalmap" in parts or "albedo" in parts:
        _disturb_solution(parts, values, draws, strength)
    if "depthmap" in parts:
        factor = 1 + strength * DEPTH_SCALE * draws.gaussian(1, 1, 1)
        error = strength * DEPTH_ERROR * values.shape[-1] * _smooth(draws, 1, CELLS, values)
        parts["depthmap"] = parts["depthmap"] * factor + error
    if not pictures:
        shown = shown & _within(draws, values, strength)
    return torch.cat([parts[name] for name in maps], 1) * shown


def _disturb_solution(
    parts: dict[Map, Tensor], values: Tensor, draws: Draws, strength: float
) -> None:
    """Disturb g = rho n; of a map that is not there, rho is 1, or n towards the camera."""
    plain = torch.zeros_like(values[:, :1])
    albedo = parts.get("albedo", plain + 1)
    normal = parts.get("normalmap", torch.cat([plain, plain, plain + 1], 1))
    solution = albedo * normal
    entries = draws.gaussian(9, 1, 1) + _smooth(draws, 9, CELLS, values)
    matrix = strength * ERROR * entries.unflatten(1, (3, 3))
    solution = solution + torch.einsum("bijhw,bjhw->bihw", matrix, solution)
    solution = solution + strength * SHADOW * _length(solution) * _shadow(draws, values)
    length = _length(solution)
    if "normalmap" in parts:
        parts["normalmap"] = solution / length.clamp(min=TINY)
    gain = torch.exp(strength * GAIN * _smooth(draws, 1, GAIN_CELLS, values))
    if "albedo" in parts:
        parts["albedo"] = length * gain


def _within(draws: Draws, values: Tensor, strength: float) -> Tensor:
    """Where the crop still shows the face, (B, 1, S, S) bool."""
    side = values.shape[-1]
    chance, depth = draws.uniform(8).unflatten(0, (2, 4))
    largest = strength * torch.tensor(LARGEST_CUTS, device=values.device)[:, None]
    left, right, top, bottom = side * largest * depth * (chance < CUT_PROBABILITY)
    steps = torch.arange(side, device=values.device)
    columns = (steps >= left[:, None]) & (steps < side - right[:, None])
    rows = (steps >= top[:, None]) & (steps < side - bottom[:, None])
    low, high = HOLE_LEVEL
    level = low + (high - low) * draws.uniform()[0][:, None, None, None]
    holes = strength * _smooth(draws, 1, HOLE_CELLS, values) > level
    return columns[:, None, None, :] & rows[:, None, :, None] & ~holes


def _shadow(draws: Draws, values: Tensor) -> Tensor:
    """Unit vectors (B, 3, S, S) within the outlines of shadows, zero elsewhere."""
    low, high = SHADOW_LEVEL
    chance, level = draws.uniform(2)[:, :, None, None, None]
    field = _smooth(draws, 1, SHADOW_CELLS, values)
    inside = torch.sigmoid(SHARPNESS * (field - low - (high - low) * level))
    towards = functional.normalize(draws.gaussian(3, 1, 1), dim=1)
    return inside * (chance < SHADOW_PROBABILITY) * towards


def _length(vectors: Tensor) -> Tensor:
    """Lengths (B, 1, S, S) of vectors (B, 3, S, S), 70 times quicker on a CPU than ``norm``."""
    return vectors.square().sum(1, keepdim=True).sqrt()


def _smooth(draws: Draws, count: int, cells: int, values: Tensor) -> Tensor:
    """Smooth random fields (B, count, S, S): bicubic, of unit variance at their knots."""
    knots = draws.gaussian(count, cells, cells)
    # Along one axis as a matrix (S, cells), the interpolation of each knot's unit vector.
    unit = torch.eye(cells, device=knots.device)[None, None]
    size = (values.shape[-1], cells)
    along = functional.interpolate(unit, size=size, mode="bicubic", align_corners=True)[0, 0]
    return along @ knots @ along.T
