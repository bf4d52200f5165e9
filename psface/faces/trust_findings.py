"""What the checks found in all captures, and in the rigs that took them, as a table."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from psface.captures.capture import Capture
from psface.faces.lamp_check import LampTrust
from psface.faces.rig_check import Checked, check_rig, rigs_of
from psface.stereo.map_folder import MapFolder
from psface.stereo.trust.stereo_check import StereoTrust
from psface.stereo.trust.trust_warning import TrustWarning
from psface.stereo.trust_table import trust_of
from psface.user_tables import write_safe_rows

COLUMNS = ("identity", "session", "checked_by", "code", "message", "remedy")
WRONG_FRAMES = ("failed-lamp", "same-lamp")
ALL = "(all)"  # in the columns identity and session, for a rig


class Findings:
    """Collects what stereo and crop found, and judges captures by the others of their rig.

    Parameters
    ----------
    maps : MapFolder
        Of the map files, which hold stereo's findings.
    """

    def __init__(self, maps: MapFolder) -> None:
        self.maps = maps
        self.captures: list[Capture] = []
        self.checked: list[Checked] = []

    def add(self, capture: Capture, lamp_text: str) -> None:
        """Add a capture; ``lamp_text`` is crop's finding as JSON, empty for a picture."""
        if capture.is_picture:
            return
        stereo = restored(StereoTrust, trust_of(self.maps, capture))
        face = restored(LampTrust, json.loads(lamp_text or "{}"))
        self.captures.append(capture)
        self.checked.append(checked(capture.lights, stereo, face))

    def judged(self) -> Judged:
        """What is doubted when all captures have been added."""
        rig = rigs_of([c.lights for c in self.checked])
        of_rigs: list[TrustWarning] = []
        judged = list(self.checked)
        for number in dict.fromkeys(rig.tolist()):
            places = np.flatnonzero(rig == number)
            warnings, captures = check_rig([self.checked[i] for i in places])
            of_rigs += warnings
            for place, capture in zip(places, captures, strict=True):
                judged[place] = capture
        doubtful = [
            (capture, found)
            for capture, checked in zip(self.captures, judged, strict=True)
            if (found := checked.found())
        ]
        return Judged(of_rigs, doubtful)


@dataclass(frozen=True)
class Judged:
    """What is doubted: rigs, and captures with who found it (stereo or face)."""

    of_rigs: list[TrustWarning]
    doubtful: list[tuple[Capture, list[tuple[str, TrustWarning]]]]

    def worst(self, count: int) -> list[tuple[Capture, tuple[TrustWarning, ...]]]:
        """The captures with most warnings."""
        most = sorted(self.doubtful, key=lambda item: -len(item[1]))[:count]
        return [(capture, tuple(w for _, w in found)) for capture, found in most]

    def write(self, path: Path) -> None:
        """Write a row per warning, the rigs' first."""
        rows = [(ALL, ALL, "rig", *_cells(warning)) for warning in self.of_rigs]
        for capture, found in self.doubtful:
            rows += [(capture.identity, capture.name, by, *_cells(w)) for by, w in found]
        write_safe_rows(path, COLUMNS, rows)


def _cells(warning: TrustWarning) -> tuple[str, str, str]:
    return warning.code, warning.message, warning.remedy


def checked(lights: np.ndarray, stereo: StereoTrust | None, face: LampTrust | None) -> Checked:
    """What both checks found in a capture under lights (n, 3)."""
    if stereo and face and any(w.code in WRONG_FRAMES for w in stereo.warnings):
        face = replace(face, warnings=())  # what the face tells is then of the wrong light
    return Checked(lights, stereo, face)


def restored(kind: type, found: dict[str, Any]) -> Any:
    """A finding from JSON; None if there is none or it is of another version."""
    try:
        warnings = tuple(TrustWarning(**warning) for warning in found["warnings"])
        values = {name: _tuples(value) for name, value in found.items()}
        return kind(**{**values, "warnings": warnings})
    except (KeyError, TypeError):
        return None


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    return math.nan if value is None else value
