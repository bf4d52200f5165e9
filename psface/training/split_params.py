"""Section ``split`` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from psface.config import Fraction, Section


class SplitParams(Section):
    """Shares of the people for validation and test, and captures per person."""

    val: Fraction
    test: Fraction
    min_sessions: Annotated[int, Field(ge=2)]
    max_sessions: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _parts_fit(self) -> SplitParams:
        if self.val + self.test >= 1:
            raise ValueError("val + test must be below 1, to leave people to train on")
        if self.max_sessions < self.min_sessions:
            raise ValueError("max_sessions must be at least min_sessions")
        return self
