"""What is asked of a capture, whatever its layout."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from psface.config import Fraction, Positive, Section

MAX_PIXELS = 150_000_000  # of a picture: more than any camera of faces has


class CaptureLimits(Section):
    """What stereo needs of a capture, and how large a picture may be."""

    max_condition: Positive
    max_saturated: Fraction
    min_brightness: Fraction
    bits: Annotated[int, Field(ge=9, le=16)] | None = None
    max_pixels: Annotated[int, Field(ge=1, le=300_000_000)] = MAX_PIXELS
