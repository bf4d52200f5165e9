"""Pages of some captures of a data set (`psface.report.capture_view`)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from psface.captures.capture import Capture
from psface.faces.crop_params import CropParams
from psface.report.capture_view import write_view
from psface.report.shown_capture import shown_of
from psface.stereo.map_folder import MapFolder

SHOWN = 8


def write_views(
    doubted: Sequence[Capture],
    every: Sequence[Capture],
    maps: MapFolder,
    crop: CropParams,
    out: Path,
) -> int:
    """Write ``out/<identity>/<capture>.html`` for some captures; return how many.

    They are half of them captures in doubt, the worst first, and else evenly spaced ones. Others
    are removed from ``out``.

    Parameters
    ----------
    doubted, every : sequences of Capture
        With lights.
    maps : MapFolder
        Of their map files.
    crop : CropParams
        How their faces are found.
    """
    chosen = {capture.key: capture for capture in doubted[: SHOWN // 2]}
    for place in np.unique(np.linspace(0, len(every) - 1, SHOWN).astype(int)) if every else ():
        if len(chosen) < SHOWN:
            chosen.setdefault(every[place].key, every[place])
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)  # DVC expects it, even if empty
    written = 0
    for capture in chosen.values():
        found = maps.maps(capture.key)
        if found.mask.any():
            path = out / capture.identity / f"{capture.name}.html"
            write_view(shown_of(capture, found, crop), path)
            written += 1
    return written
