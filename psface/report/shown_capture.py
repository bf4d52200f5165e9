"""A capture to look at: its maps, what they were made of, and what the checks found."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np

from psface.captures.capture import Capture, Pixels
from psface.errors import UserError
from psface.faces.crop_params import CropParams
from psface.faces.cropping import crop_capture
from psface.faces.lamp_check import LampTrust
from psface.faces.trust_findings import checked, restored
from psface.report.surface import Surface, surface_of
from psface.rig.rig import Rig
from psface.stereo.map_files import Maps
from psface.stereo.trust.stereo_check import StereoTrust
from psface.stereo.trust.trust_warning import TrustWarning

WHITE = 0.995  # quantile of the albedo that is shown white


@dataclass(frozen=True)
class ShownCapture:
    """What is shown of a capture.

    Attributes
    ----------
    name : str
    maps : Maps
    lights : (n, 3)
        As of `Capture`; (0, 3) if unknown.
    rig : Rig or None
    frames : (n, H, W) float32 or None
        In linear light, as they were taken.
    face : LampTrust or None
        What the face tells about the lamps; None if none was found.
    """

    name: str
    maps: Maps
    lights: np.ndarray
    rig: Rig | None = None
    frames: np.ndarray | None = None
    face: LampTrust | None = None

    @property
    def trust(self) -> StereoTrust | None:
        """What stereo's checks found; None if the maps do not say."""
        found = json.loads(self.maps.notes.get("trust", "{}"))
        trust: StereoTrust | None = restored(StereoTrust, found)
        return trust

    @property
    def doubts(self) -> list[TrustWarning]:
        """What the checks of stereo and of the face found wrong."""
        return [warning for _, warning in checked(self.lights, self.trust, self.face).found()]

    @property
    def face_checked(self) -> bool:
        """Whether the face has told anything about the lamps."""
        return self.face is not None and math.isfinite(self.face.score)

    @property
    def surface(self) -> Surface:
        """The surface of the depth map; `UserError` if the rig does not fit it."""
        try:
            return surface_of(self.maps, self.rig)
        except UserError as error:
            raise UserError(f"{self.name}: {error}") from None

    @property
    def albedo(self) -> np.ndarray:
        """Albedo (H, W, 3) in [0, 1], of which the brightest is 1; in colour if that is known."""
        maps = self.maps
        planes = maps.albedo[None] if maps.colour is None else maps.colour
        level = float(np.quantile(planes[:, maps.mask], WHITE)) if maps.mask.any() else 0.0
        shown = np.clip(planes / np.float32(max(level, 1e-6)), 0, 1)
        return np.moveaxis(np.broadcast_to(shown, (3, *maps.mask.shape)), 0, -1)


def shown_of(capture: Capture, maps: Maps, crop: CropParams) -> ShownCapture:
    """What is shown of a capture whose maps are known; its frames may be gone."""
    try:
        pixels = capture.pixels()
    except UserError:
        return ShownCapture(capture.key, maps, capture.lights, capture.rig)
    face = face_trust(pixels, maps, crop)
    return ShownCapture(capture.key, maps, capture.lights, capture.rig, pixels.grey, face)


def face_trust(pixels: Pixels, maps: Maps, crop: CropParams) -> LampTrust | None:
    """What the face tells about a capture's lamps, whatever ``crop.untrusted`` says; None if there
    is none, or the maps are of other frames."""
    if maps.shifts is not None and len(maps.shifts) != len(pixels.grey):
        return None
    warn: CropParams = crop.model_copy(update={"untrusted": "warn", "colour": False})
    found = crop_capture(pixels, maps, warn, whole=False)
    return None if found is None else found.trust
