"""Some of the crops as a picture: what stereo and alignment have made of the captures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from stages.images import to_uint8
from stages.maps import normals_as_colours

SHOWN = 14
LIMITS = (0.005, 0.995)  # quantiles that become black and white


def draw_faces(faces: Path, path: Path) -> None:
    """Columns of faces, evenly spread; rows: raw and, where there are such, albedo, normals as
    colours, depth."""
    rows = []
    for name in ("raw", "albedo", "normalmap", "depthmap"):
        if not (faces / f"{name}.npy").exists():
            continue
        array = np.load(faces / f"{name}.npy", mmap_mode="r")
        chosen = np.unique(np.linspace(0, len(array) - 1, SHOWN).astype(int))
        values = array[chosen].astype(np.float32)
        if values.shape[1] == 3:
            tiles = [normals_as_colours(face)[..., ::-1] for face in values]
        else:
            low, high = np.quantile(values, LIMITS)
            grey = to_uint8((values[:, 0] - low) / max(high - low, 1e-6))
            tiles = [cv2.cvtColor(face, cv2.COLOR_GRAY2BGR) for face in grey]
        rows.append(np.hstack(tiles))
    cv2.imwrite(str(path), np.vstack(rows))
