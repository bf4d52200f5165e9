"""Section ``stereo`` of params.yaml."""

from __future__ import annotations

from typing import Literal

from psface.config import Section
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
