"""Section ``audit`` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from psface.config import Count, FileName, Fraction, NonNegative, Positive, Section


class AuditParams(Section):
    """Requirements of a data set; limits are inclusive."""

    root: Annotated[str, Field(min_length=1)]
    metadata: str
    model: FileName
    adults: Annotated[str, Field(min_length=1)]
    children: Annotated[str, Field(min_length=1)]
    child_age: Positive
    min_pictures: Count
    adult_share: Fraction
    male_share: Fraction
    tolerance: Fraction
    min_side: Count
    max_side: Count
    min_aspect: Positive
    max_aspect: Positive
    min_face: Count
    min_face_share: Fraction
    max_face_share: Fraction
    max_yaw: Annotated[float, Field(gt=0, le=90)]
    max_pitch: Annotated[float, Field(gt=0, le=90)]
    min_brightness: Fraction
    max_brightness: Fraction
    min_contrast: Fraction
    max_contrast: Fraction
    min_colour: NonNegative
    max_blur: Positive
    max_pattern: Positive
    examples: Count

    @model_validator(mode="after")
    def _limits_fit(self) -> AuditParams:
        for low, high in (
            ("min_side", "max_side"),
            ("min_aspect", "max_aspect"),
            ("min_face_share", "max_face_share"),
            ("min_brightness", "max_brightness"),
            ("min_contrast", "max_contrast"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} must not exceed {high}")
        if self.adults == self.children or "/" in self.adults + self.children:
            raise ValueError("adults and children must be two different folder names")
        return self
