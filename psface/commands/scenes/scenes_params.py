"""Section ``scenes`` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from psface.config import Count, Positive, Section


class ScenesParams(Section):
    """Annotated pictures of simulated people, for face detectors."""

    train: Count
    test: Count
    width: Annotated[int, Field(ge=64)]
    height: Annotated[int, Field(ge=64)]
    faces: Count
    smallest: Annotated[float, Field(ge=12)]
    largest: Positive

    @model_validator(mode="after")
    def _sizes_fit(self) -> ScenesParams:
        if not self.smallest <= self.largest <= min(self.width, self.height):
            raise ValueError("must be smallest <= largest <= the picture's shorter side")
        return self
