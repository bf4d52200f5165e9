"""The limits that a capture must meet, in any layout."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from psface.config import Fraction, Positive, Section

MAX_PIXELS = 150_000_000  # per picture: more than any camera used for faces has


class CaptureLimits(Section):
    """What stereo requires of a capture, and the largest picture allowed."""

    max_condition: Positive
    max_saturated: Fraction
    min_brightness: Fraction
    bits: Annotated[int, Field(ge=9, le=16)] | None = None
    max_pixels: Annotated[int, Field(ge=1, le=300_000_000)] = MAX_PIXELS

    @property
    def limits(self) -> CaptureLimits:
        """These limits alone, of a section that has more."""
        return CaptureLimits(**self.model_dump(include=set(CaptureLimits.model_fields)))


class SelectedLimits(CaptureLimits):
    """The limits in a section that has other parameters, which are ignored."""

    model_config = ConfigDict(extra="ignore")
