"""All face detectors by name: psface's MTCNN and those of other packages.

To add one, write a module with a `psface.detect.face.Detector` class and add its line below.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from psface.detect.face import Detector, Face
from psface.errors import UserError
from psface.registry import named

INSTALL = "pip install 'psface[detectors]'"
DETECTORS = {
    "mtcnn": "psface.detect.mtcnn.cascade:MTCNN",
    "opencv-haar": "psface.detect.adapters.opencv:Haar",
    "opencv-yunet": "psface.detect.adapters.opencv:YuNet",
    "dlib-hog": "psface.detect.adapters.dlib:Hog",
    "dlib-cnn": "psface.detect.adapters.dlib:Cnn",
    "mediapipe": "psface.detect.adapters.mediapipe:MediaPipe",
    "retinaface": "psface.detect.adapters.retinaface:RetinaFace",
    "yolo-face": "psface.detect.adapters.yolo:YoloFace",
}


def detect_faces(
    images: Sequence[np.ndarray], detector: str = "mtcnn", **options: Any
) -> list[list[Face]]:
    """Detect the faces of each image, highest score first.

    For repeated calls, build the detector once with `build_detector` and use its ``detect``.

    Parameters
    ----------
    images : sequence of (H, W), (H, W, 3) or (H, W, 4)
        Grey or RGB; uint8, uint16, or float in [0, 1]. Sizes may differ.
    detector, **options
        See `build_detector`.

    Raises
    ------
    TypeError
        If ``images`` is a single image, or one is neither an array of pixels nor a PIL image.

    Examples
    --------
    >>> detect_faces([np.zeros((120, 160), np.uint8)])
    [[]]
    """
    return build_detector(detector, **options).detect(images)


def build_detector(name: str, **options: Any) -> Detector:
    """Build a detector by its name in `DETECTORS`.

    Parameters
    ----------
    name : str
    **options
        Of the detector's class: ``min_face_size`` in pixels for all, ``weights`` (a Path) for
        those that have weights. None means the default.

    Raises
    ------
    UserError
        If there is no such detector or option, or a package or weights file is missing; the
        message says how to get it.
    """
    if name not in DETECTORS:
        raise UserError(f"unknown detector {name!r}; use one of {', '.join(DETECTORS)}")
    build = named(DETECTORS[name])
    arguments = {option: value for option, value in options.items() if value is not None}
    parameters = inspect.signature(build).parameters
    if unknown := [option for option in arguments if option not in parameters]:
        raise UserError(f"{name} has no option {unknown[0]!r}, only {', '.join(parameters)}")
    return build(**arguments)


def missing(name: str, install: str = INSTALL) -> UserError:
    """Return the error for a detector whose package is not installed."""
    return UserError(f"{name} is not installed; run `{install}`")


def no_weights(name: str, file: str, project: str) -> UserError:
    """Return the error for a detector whose weights come in no package."""
    return UserError(f"{name} needs weights={file}, from {project}")
