"""Judge captures without a trained model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from psface.captures.capture import Capture, Pixels, Refusal, refused
from psface.captures.checks import check_frames
from psface.captures.limits import CaptureLimits
from psface.captures.media import is_video, read_media
from psface.errors import UserError
from psface.faces.crop_params import CropParams
from psface.faces.cropping import Crop, crop_capture
from psface.faces.trust_findings import checked, restored
from psface.liveness.verdict import PICTURE, Liveness, liveness
from psface.stereo.compute import compute_maps
from psface.stereo.stereo_params import StereoParams
from psface.stereo.trust.stereo_check import StereoTrust
from psface.stereo.trust.trust_warning import TrustWarning

# How captures are looked at without a model's card: as params.yaml has it, but for smaller faces.
LIMITS = CaptureLimits(max_condition=20.0, max_saturated=0.25, min_brightness=0.01)
STEREO = StereoParams(
    register_frames=True, exclude_shadows=True, robust=True, integrator="least-squares"
)
CROP = CropParams(
    size=96,
    detector="mtcnn",
    detector_weights="",
    min_face_size=40,
    padding=0.0,
    oval=True,
    colour=False,
    even_exposure=False,
)


@dataclass(frozen=True)
class Looked:
    """A capture or picture, and what the lamps show of its face.

    Attributes
    ----------
    path : Path
        As `psface.captures.capture.Capture.place`.
    live : Liveness
    doubts : list of TrustWarning
        What the checks found wrong with its frames and lights.
    """

    path: Path
    live: Liveness
    doubts: list[TrustWarning] = field(default_factory=list)


def look(
    items: Iterable[Capture | Refusal | Path], crop: CropParams = CROP
) -> Iterator[Looked | Refusal]:
    """Judge what `psface.captures.discovery.find_captures` yields.

    Yields
    ------
    Looked
        Of a picture or video too, which cannot be judged: its reason says so.
    Refusal
        What cannot be used, and why.

    Examples
    --------
    >>> [seen.live.reason(0.35).partition(";")[0] for seen in look([Path("face.png")])]
    ['cannot tell from one frame']
    """
    for item in items:
        if isinstance(item, Refusal):
            yield item
            continue
        capture = item if isinstance(item, Capture) else None
        try:
            if capture is None:
                assert isinstance(item, Path)
                yield _picture(item)
            elif capture.is_picture:
                yield _picture(capture.place)
            else:
                yield judged(capture, crop)
        except UserError as error:
            yield refused(capture, error) if capture else Refusal("", str(item), str(error))


def judged(capture: Capture, crop: CropParams = CROP) -> Looked:
    """Judge one capture.

    Raises
    ------
    UserError
        If it cannot be used, or no face is found in it.
    """
    check_frames(capture, LIMITS)
    found, doubts = seen_face(capture.pixels(), crop)
    if found is None:
        raise UserError(f"{capture.frames[0]}: no face of {crop.min_face_size} px or more")
    return Looked(capture.place, liveness(found), doubts)


def seen_face(pixels: Pixels, crop: CropParams = CROP) -> tuple[Crop | None, list[TrustWarning]]:
    """The face of a capture under several lamps, if one is found, and what is doubted."""
    maps = compute_maps(pixels, STEREO)
    found = crop_capture(pixels, maps, crop)
    stereo = restored(StereoTrust, json.loads(maps.notes["trust"]))
    both = checked(pixels.lights, stereo, None if found is None else found.trust)
    return found, [warning for _, warning in both.found()]


def _picture(path: Path) -> Looked:
    if not is_video(path):
        from psface.captures.capture import picture

        check_frames(picture("", path), LIMITS)
    else:
        next(read_media(path))
    return Looked(path, PICTURE)
