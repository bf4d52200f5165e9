"""The table of what the checks found in each capture."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from psface.captures.capture import Capture
from psface.stereo.map_folder import MapFolder
from psface.user_tables import write_safe_rows

NUMBERS = (
    "residual", "left_out_mean", "few_lamps", "motion_px", "clipped", "ambient", "evenness",
)  # fmt: skip
COLUMNS = ("identity", "session", *NUMBERS, "warnings")


def trust_of(maps: MapFolder, capture: Capture) -> dict[str, Any]:
    """Read the findings that are noted in a capture's maps; empty if there are none."""
    found = json.loads(maps.notes(capture.key).get("trust", "{}"))
    return found if isinstance(found, dict) else {}


def write_trust(path: Path, captures: Iterable[Capture], maps: MapFolder) -> int:
    """Write a row per capture, the doubtful ones first; return how many are doubtful.

    Numbers that a capture does not tell are empty; warnings are ``code: message; remedy``.
    """
    rows = []
    for capture in captures:
        found = trust_of(maps, capture)
        numbers = [found.get(name) for name in NUMBERS]
        shown = ["" if v is None or math.isnan(v) else f"{v:.4g}" for v in numbers]
        warnings = [
            f"{w['code']}: {w['message']}; {w['remedy']}" for w in found.get("warnings", [])
        ]
        rows.append([capture.identity, capture.name, *shown, " | ".join(warnings)])
    rows.sort(key=lambda row: row[-1] == "")
    write_safe_rows(path, COLUMNS, rows)
    return sum(row[-1] != "" for row in rows)
