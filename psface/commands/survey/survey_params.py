"""Section ``survey`` of params.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from psface.config import Count, Positive, Section
from psface.detect.annotation_params import AnnotatedParams
from psface.detect.detectors import DETECTORS


class SurveyedDetector(Section):
    """A detector of the survey; None means its own default."""

    detector: Literal[tuple(DETECTORS)]  # type: ignore[valid-type]
    weights: str = ""
    min_face_size: Positive | None = None


class SurveyParams(AnnotatedParams):
    """Comparison of face detectors."""

    sides: Annotated[list[Annotated[int, Field(ge=32)]], Field(min_length=1)]
    video_frames: Count
    detectors: Annotated[dict[str, SurveyedDetector], Field(min_length=1)]
