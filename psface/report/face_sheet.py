"""A picture of some crops, to check stereo and alignment by eye."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from psface.faces.arrays import open_crops
from psface.faces.modalities import Map
from psface.faces.stored_planes import in_floats
from psface.report.map_colours import as_images

SHOWN = 14


def draw_faces(faces: Path, path: Path) -> None:
    """Draw evenly spaced faces in columns; rows are raw and, if there are any, albedo, normals as
    colours and depth."""
    rows = []
    names: tuple[Map, ...] = ("raw", "albedo", "normalmap", "depthmap")
    for name in names:
        if not (faces / f"{name}.npy").exists():
            continue
        array = open_crops(faces / f"{name}.npy")
        chosen = np.unique(np.linspace(0, len(array) - 1, SHOWN).astype(int))
        rows.append(np.hstack(list(as_images(name, in_floats(array[chosen])))))
    picture = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())
