"""All detectors, by name; what one needs is imported when it is built."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from stages.detect.faces import Detector
from stages.errors import UserError

INSTALL = "pip install -e '.[detectors]'"
DETECTORS = {
    "mtcnn": "stages.detect.mtcnn:MTCNN",
    "opencv-haar": "stages.detect.opencv:Haar",
    "opencv-yunet": "stages.detect.opencv:YuNet",
    "dlib-hog": "stages.detect.dlib:Hog",
    "dlib-cnn": "stages.detect.dlib:Cnn",
    "mediapipe": "stages.detect.mediapipe:MediaPipe",
    "retinaface": "stages.detect.retinaface:RetinaFace",
    "yolo-face": "stages.detect.yolo:YoloFace",
}


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
    module, _, kind = DETECTORS[name].partition(":")
    build = getattr(importlib.import_module(module), kind)
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
