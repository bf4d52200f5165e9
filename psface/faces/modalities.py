"""The maps that crops are made of, and the modalities that they make up."""

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


def maps_of(modality: Modality) -> tuple[Map, ...]:
    """The maps that a modality is made of, in the order of their channels."""
    if modality == "all":
        return ("normalmap", "albedo", "depthmap")
    return tuple(name for name in modality.split("-") if name in MAPS)


def normal_x_channels(maps: Sequence[Map], channels: Sequence[int]) -> list[int]:
    """Positions of the normal's x component among the channels of ``maps``."""
    starts = np.cumsum([0, *channels])
    return [int(starts[i]) for i, name in enumerate(maps) if name == "normalmap"]
