"""A capture to look at: its maps, what they were made of, and what the checks found."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from psface.captures.capture import Capture
from psface.errors import UserError
from psface.faces.trust_findings import restored
from psface.report.surface import Surface, surface_of
from psface.rig.rig import Rig
from psface.stereo.map_files import Maps
from psface.stereo.trust.stereo_check import StereoTrust

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
    """

    name: str
    maps: Maps
    lights: np.ndarray
    rig: Rig | None = None
    frames: np.ndarray | None = None

    @property
    def trust(self) -> StereoTrust | None:
        """What stereo's checks found; None if the maps do not say."""
        found = json.loads(self.maps.notes.get("trust", "{}"))
        trust: StereoTrust | None = restored(StereoTrust, found)
        return trust

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


def shown_of(capture: Capture, maps: Maps) -> ShownCapture:
    """What is shown of a capture whose maps are known; its frames may be gone."""
    try:
        frames = capture.pixels().grey
    except UserError:
        frames = None
    return ShownCapture(capture.key, maps, capture.lights, capture.rig, frames)
