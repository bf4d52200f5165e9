"""All face detectors, by name: our MTCNN, and those of other packages.

To add one: a module with a class that is a `psface.detect.face.Detector`, and its line below.
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
    "opencv-haar": "psface.detect.opencv:Haar",
    "opencv-yunet": "psface.detect.opencv:YuNet",
    "dlib-hog": "psface.detect.dlib:Hog",
    "dlib-cnn": "psface.detect.dlib:Cnn",
    "mediapipe": "psface.detect.mediapipe:MediaPipe",
    "retinaface": "psface.detect.retinaface:RetinaFace",
    "yolo-face": "psface.detect.yolo:YoloFace",
}


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

    Examples
    --------
    >>> detect_faces([np.zeros((120, 160), np.uint8)])
    [[]]
    """
    return build_detector(detector, **options).detect(images)


def build_detector(name: str, **options: Any) -> Detector:
    """A detector by its name in `DETECTORS`.

    Parameters
    ----------
    name : str
    **options
        Of the detector's class: ``min_face_size`` in pixels for each of them, ``weights`` (a Path)
        for those that have weights. None is the same as not given.

    Raises
    ------
    UserError
        If there is no such detector or option, or something is not installed or not given; the
        message says how to get it.
    """
    if name not in DETECTORS:
        raise UserError(f"no detector is called {name!r}; there are {', '.join(DETECTORS)}")
    build = named(DETECTORS[name])
    given = {option: value for option, value in options.items() if value is not None}
    known = inspect.signature(build).parameters
    if unknown := [option for option in given if option not in known]:
        raise UserError(f"{name} has no option {unknown[0]!r}; it has {', '.join(known)}")
    return build(**given)


def missing(name: str, install: str = INSTALL) -> UserError:
    """What to say of a detector whose package is not installed."""
    return UserError(f"{name} is not installed; `{install}`")


def no_weights(name: str, file: str, project: str) -> UserError:
    """What to say of a detector whose weights come in no package."""
    return UserError(f"{name} needs weights={file}, from {project}")
