"""Face recognition from photometric stereo.

The API for notebooks, loaded on first use:

- `photometric_stereo`, `least_squares`, `frankot_chellappa`: from frames to normals, albedo and
  depth, as arrays;
- `read_capture`: a capture or a picture from disk;
- `detect_faces`, `build_detector`: faces in pictures;
- `Recogniser`: a trained model, which embeds and compares captures;
- `Verification`: ROC, AUC, error rates and thresholds of scored pairs.

>>> import psface
>>> psface.photometric_stereo.__module__
'psface.stereo.normals'
>>> len(psface.__version__.split("."))
3
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psface.captures.capture import Capture as Capture
    from psface.captures.discovery import read_capture_at as read_capture  # noqa: F401
    from psface.detect.detectors import build_detector as build_detector
    from psface.detect.detectors import detect_faces as detect_faces
    from psface.errors import UserError as UserError
    from psface.measures.verification import Verification as Verification
    from psface.recognise.recogniser import Recogniser as Recogniser
    from psface.stereo.integrators.frankot_chellappa import frankot_chellappa as frankot_chellappa
    from psface.stereo.integrators.least_squares import least_squares as least_squares
    from psface.stereo.normals import photometric_stereo as photometric_stereo

_HOMES = {
    "Capture": "psface.captures.capture:Capture",
    "Recogniser": "psface.recognise.recogniser:Recogniser",
    "UserError": "psface.errors:UserError",
    "Verification": "psface.measures.verification:Verification",
    "build_detector": "psface.detect.detectors:build_detector",
    "detect_faces": "psface.detect.detectors:detect_faces",
    "frankot_chellappa": "psface.stereo.integrators.frankot_chellappa:frankot_chellappa",
    "least_squares": "psface.stereo.integrators.least_squares:least_squares",
    "photometric_stereo": "psface.stereo.normals:photometric_stereo",
    "read_capture": "psface.captures.discovery:read_capture_at",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("psface")
    if name not in _HOMES:
        raise AttributeError(f"module 'psface' has no attribute {name!r}")
    from psface.registry import named

    return named(_HOMES[name])


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, "__version__"})
