"""Annotated photographs, as several sections of params.yaml name them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from psface.config import Section

AnnotationFormat = Literal["dlib", "wider", "fddb"]


class AnnotatedParams(Section):
    """Annotated pictures: the file or folder, its format, and the pictures' folder if different."""

    annotations: Annotated[str, Field(min_length=1)]
    format: AnnotationFormat
    images: str
