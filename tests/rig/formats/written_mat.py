"""MATLAB files of near lamps, as near_ps has them."""

import io
from pathlib import Path

import numpy as np
from scipy.io import savemat

# y down, z away from the camera.
POSITIONS = np.array([[-200.0, -50, 500], [10, -150, 400], [210, 20, 450]])
AXES = np.array([[0.6, 0, 0.8], [0, 0.6, 0.8], [-0.6, 0, 0.8]])
LAMPS = {
    "S": POSITIONS,
    "Phi": np.array([[10.0, 20, 30], [20, 40, 60], [30, 60, 90]]),
    "Dir": AXES,
    "mu": np.ones((3, 1), np.uint8),
}
CAMERA = {"K": np.array([[4000.0, 0, 1300.5], [0, 4002, 866.5], [0, 0, 1]])}


def mat(content: dict, **options: object) -> bytes:
    file = io.BytesIO()
    savemat(file, content, **options)
    return file.getvalue()


def write_pair(folder: Path, camera: dict | None = None, **changes: object) -> Path:
    """Write ``light.mat`` and ``camera.mat``; a matrix that is None is left out."""
    folder.mkdir(exist_ok=True)
    lamps = {name: value for name, value in {**LAMPS, **changes}.items() if value is not None}
    (folder / "light.mat").write_bytes(mat(lamps))
    (folder / "camera.mat").write_bytes(mat(CAMERA if camera is None else camera))
    return folder
