"""detect: faces in pictures and video, by our MTCNN or by another detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stages.detect.detectors import DETECTORS, build_detector
from stages.detect.faces import Detector, Face, Facts

__all__ = ["DETECTORS", "Detector", "Face", "Facts", "build_detector", "detect_faces"]


def detect_faces(
    images: Sequence[np.ndarray], detector: str = "mtcnn", **options: Any
) -> list[list[Face]]:
    """The faces of each image, the surest first.

    For many calls, build the detector once, with `build_detector`, and use its ``detect``.

    Parameters
    ----------
    images : sequence of (H, W), (H, W, 3) or (H, W, 4)
        Grey or RGB; uint8, uint16, or float in [0, 1]. Sizes may differ.
    detector, **options
        See `build_detector`.

    Raises
    ------
    TypeError
        If ``images`` is one image, or one of them is not an array of pixels nor a PIL image.
    """
    return build_detector(detector, **options).detect(images)
