"""Section ``stereo`` of params.yaml, and how its maps are stored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from psface.config import Section, Selection
from psface.stereo.integrators.integrators import INTEGRATORS


class StereoParams(Section):
    """Photometric stereo: normals, albedo and depth from frames."""

    register_frames: bool
    exclude_shadows: bool
    robust: bool = False
    semi_calibrated: bool = False
    colour_albedo: bool = False
    untrusted: Literal["warn", "refuse"] = "warn"
    integrator: Literal[tuple(INTEGRATORS)]  # type: ignore[valid-type]


class StorageParams(Selection):
    """How maps are stored. No map depends on it, nor does a model, whose card has the section."""

    map_shards: Annotated[int, Field(ge=0, le=10_000)] = 0
