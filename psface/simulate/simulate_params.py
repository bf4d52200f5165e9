"""Section ``simulate`` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from psface.config import NonNegative, Section


class SimulateParams(Section):
    """The built-in default: a population of people and the rig that captures them."""

    identities: Annotated[int, Field(ge=1, le=9999)]
    sessions: Annotated[int, Field(ge=1, le=365)]
    width: Annotated[int, Field(ge=64)]
    height: Annotated[int, Field(ge=64)]
    identity_variance: NonNegative
    yaw_sd: NonNegative
    motion: NonNegative
    noise: NonNegative
    redraw_hair: bool
