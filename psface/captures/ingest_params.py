"""Section ``ingest`` of params.yaml."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from psface.captures.layouts.layouts import READERS
from psface.captures.limits import CaptureLimits
from psface.config import Count, FileName, Section

SIMULATED = "data/simulated"  # what the stage simulate writes


class YaleParams(Section):
    """How to draw captures from a sitting under many lights (`psface.captures.layouts.yale`)."""

    sessions_per_identity: Count
    lights_per_session: Annotated[int, Field(ge=3)]
    max_angle: Annotated[float, Field(gt=0, le=90)]


class ManifestParams(Section):
    """How to read a manifest (`psface.captures.layouts.manifest`)."""

    light_lengths: Literal["unstated", "intensity", "ignored"] = "unstated"


class IngestParams(CaptureLimits):
    """Which captures to read, their layout, and the rig that took them."""

    source: Literal[tuple(READERS)]  # type: ignore[valid-type]
    root: Annotated[str, Field(min_length=1)]
    rig: FileName = ""
    compare: Literal["times", "content"] = "times"
    yale: YaleParams
    manifest: ManifestParams = ManifestParams()

    @property
    def is_simulated(self) -> bool:
        """Whether the simulator makes the captures."""
        root, made = (Path(os.path.normpath(Path(p).absolute())) for p in (self.root, SIMULATED))
        return root.is_relative_to(made)
