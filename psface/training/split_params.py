"""Section ``split`` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from psface.config import Fraction, Section


class SplitParams(Section):
    """Who is trained on, who picks the epoch, who is tested."""

    val: Fraction
    test: Fraction
    min_sessions: Annotated[int, Field(ge=2)]
    max_sessions: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _parts_fit(self) -> SplitParams:
        if self.val + self.test >= 1:
            raise ValueError("val + test must leave something to train on: make their sum under 1")
        if self.max_sessions < self.min_sessions:
            raise ValueError("max_sessions must be at least min_sessions")
        return self
