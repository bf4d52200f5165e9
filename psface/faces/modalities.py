"""The maps that crops consist of, and the modalities that combine them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

Map = Literal["albedo", "normalmap", "depthmap", "raw", "frames"]
Modality = Literal[
    "albedo",
    "normalmap",
    "depthmap",
    "raw",
    "frames",
    "normalmap-albedo",
    "normalmap-depthmap",
    "albedo-depthmap",
    "all",
]
MAPS: tuple[Map, ...] = get_args(Map)
PICTURES: tuple[Map, ...] = ("raw", "frames")  # what the camera sees, without stereo


def maps_of(modality: Modality) -> tuple[Map, ...]:
    """Return the maps of a modality, in channel order."""
    if modality == "all":
        return ("normalmap", "albedo", "depthmap")
    return tuple(name for name in modality.split("-") if name in MAPS)


def normal_x_channels(maps: Sequence[Map], channels: Sequence[int]) -> list[int]:
    """Return the positions of the normal's x component among the channels of ``maps``."""
    starts = np.cumsum([0, *channels])
    return [int(starts[i]) for i, name in enumerate(maps) if name == "normalmap"]
