"""Section ``overlap`` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from psface.config import FileName, Fraction, Section


class OverlapParams(Section):
    """What counts as the same picture, and as one person with two names."""

    model: FileName
    max_distance: Annotated[int, Field(ge=0, le=16)]
    min_agreement: Fraction
    min_similarity: Fraction
