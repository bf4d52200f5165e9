"""The few thousand averaged pixels that checks look at: enough to decide, and cheap."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from psface.stereo.normals import SATURATED, SHADOW

CELLS = 2500  # about as many; each is the mean over a square of pixels, which averages noise
DARK = 0.03  # of the sensor's range: a cell darker than this in every frame shows only noise


@dataclass(frozen=True)
class LitCells:
    """Cells of a capture's mask.

    Attributes
    ----------
    intensity : (P, n) float64
        Mean over each cell's square, by frame.
    used : (P, n) bool
        Neither shadowed nor saturated.
    light : (P, n, 3) float64
        Light vectors at the cells.
    saturated : float
        Share of (cell, frame) pairs that are saturated.
    dark : float
        Share of the mask's cells that are left out since they are dark in every frame.
    """

    intensity: np.ndarray
    used: np.ndarray
    light: np.ndarray
    saturated: float
    dark: float

    def __len__(self) -> int:
        return len(self.intensity)

    def chosen(self, which: np.ndarray) -> LitCells:
        """Keep some cells, by (P,) bool."""
        return replace(
            self,
            intensity=self.intensity[which],
            used=self.used[which],
            light=self.light[which],
        )


def lit_cells(
    frames: np.ndarray, saturated: np.ndarray | None, light: np.ndarray, mask: np.ndarray
) -> LitCells:
    """Average aligned frames over squares that lie wholly in the mask.

    Parameters
    ----------
    frames : (n, H, W) float32, linear
    saturated : (n, H, W) bool or None
        Frames brighter than `SATURATED`, if None.
    light : (n, 3) or (n, 3, H, W)
    mask : (H, W) bool
    """
    step = max(1, round(float(np.sqrt(mask.sum() / CELLS))))
    rows, columns = (side // step for side in mask.shape)

    def averaged(plane: np.ndarray) -> np.ndarray:
        cut = np.ascontiguousarray(plane[: rows * step, : columns * step], dtype=np.float32)
        return cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA)

    inside = averaged(mask) > 0.999
    intensity = np.stack([averaged(frame)[inside] for frame in frames], axis=1).astype(np.float64)
    clipped = frames >= SATURATED if saturated is None else saturated
    clip = np.stack([averaged(plane)[inside] > 0 for plane in clipped], axis=1)
    if light.ndim == 2:
        at_cells = np.broadcast_to(light, (len(intensity), *light.shape))
    else:
        middle = light[:, :, step // 2 :: step, step // 2 :: step][:, :, :rows, :columns]
        at_cells = np.moveaxis(middle[:, :, inside], -1, 0).astype(np.float64)
    bright = intensity.max(axis=1, initial=0)
    used = ~clip & (intensity >= SHADOW * bright[:, None])
    share = float(clip.mean()) if clip.size else 0.0
    lit = bright > DARK
    dark = 1 - float(lit.mean()) if lit.size else 1.0
    return LitCells(intensity, used, at_cells, share, dark).chosen(lit)
