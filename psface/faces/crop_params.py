"""Section ``crop`` of params.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from psface.config import FileName, Section
from psface.detect.detectors import DETECTORS

# "aligned": the pictures are already crops on the template; nothing is detected.
Aligner = Literal[(*DETECTORS, "aligned")]  # type: ignore[valid-type]


class CropParams(Section):
    """Detection and alignment.

    Attributes
    ----------
    zoom : float
        Enlargement of the face within the crop; see `psface.faces.alignment.similarity`.
    """

    size: Annotated[int, Field(ge=32)]
    detector: Aligner
    detector_weights: FileName
    min_face_size: Annotated[int, Field(ge=12)]
    padding: Annotated[float, Field(ge=0, le=1)]
    oval: bool
    colour: bool
    even_exposure: bool
    zoom: Annotated[float, Field(ge=1, le=2)] = 1.0
    untrusted: Literal["warn", "refuse"] = "warn"
