"""Section ``evaluate`` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from psface.config import Count, Section


class EvaluateParams(Section):
    """Numbers of resamples for intervals, of impostor pairs and of probes pictured."""

    resamples: Annotated[int, Field(ge=100)]
    impostors: Count
    pictured_probes: Count
    pictured_per_condition: Count
