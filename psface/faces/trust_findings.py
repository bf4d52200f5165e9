"""What the checks found in all captures, and in the rigs that took them, as a table."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from psface.captures.capture import Capture
from psface.faces.lamp_check import LampTrust
from psface.faces.rig_check import Checked, check_rig
from psface.stereo.map_files import map_path
from psface.stereo.trust.stereo_check import StereoTrust
from psface.stereo.trust.trust_warning import TrustWarning
from psface.stereo.trust_table import trust_of
from psface.user_tables import write_safe_rows

COLUMNS = ("identity", "session", "checked_by", "code", "message", "remedy")
WRONG_FRAMES = ("failed-lamp", "same-lamp")
ALL = "(all)"  # in the columns identity and session, for a rig


class Findings:
    """Collects what stereo and crop found; a rig is what captures with equal lights share.

    Parameters
    ----------
    maps : Path
        Folder of the map files, which hold stereo's findings.
    """

    def __init__(self, maps: Path) -> None:
        self.maps = maps
        self.rows: list[tuple[str, ...]] = []
        self.doubtful: list[tuple[Capture, tuple[TrustWarning, ...]]] = []
        self.rigs: dict[bytes, list[Checked]] = {}

    def add(self, capture: Capture, lamp_text: str) -> None:
        """Add a capture; ``lamp_text`` is crop's finding as JSON, empty for a picture."""
        if capture.is_picture:
            return
        stereo = _restored(StereoTrust, trust_of(map_path(self.maps, capture)))
        lamps = _restored(LampTrust, json.loads(lamp_text or "{}"))
        if stereo and lamps and any(w.code in WRONG_FRAMES for w in stereo.warnings):
            lamps = replace(lamps, warnings=())  # what the face tells is then of the wrong light
        warnings: list[TrustWarning] = []
        for by, found in (("stereo", stereo), ("face", lamps)):
            for warning in found.warnings if found else ():
                self.rows.append((capture.identity, capture.name, by, *_cells(warning)))
                warnings.append(warning)
        if warnings:
            self.doubtful.append((capture, tuple(warnings)))
        if lamps and capture.rig is not None and capture.rig.near:
            # The face is judged by one light per lamp; near ones differ over it, and it looks
            # steeper than it is.
            lamps = replace(lamps, stretch=(math.nan, math.nan))
        self.rigs.setdefault(capture.lights.tobytes(), []).append((stereo, lamps))

    def worst(self, count: int) -> list[tuple[Capture, tuple[TrustWarning, ...]]]:
        """The captures with most warnings."""
        return sorted(self.doubtful, key=lambda item: -len(item[1]))[:count]

    def write(self, path: Path) -> list[TrustWarning]:
        """Write a row per warning, the rigs' first; return those of the rigs."""
        of_rigs = [w for checked in self.rigs.values() for w in check_rig(checked)]
        rows = [(ALL, ALL, "rig", *_cells(warning)) for warning in of_rigs] + self.rows
        write_safe_rows(path, COLUMNS, rows)
        return of_rigs


def _cells(warning: TrustWarning) -> tuple[str, str, str]:
    return warning.code, warning.message, warning.remedy


def _restored(kind: type, found: dict[str, Any]) -> Any:
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
