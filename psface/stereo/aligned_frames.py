"""Move the frames of a capture back to where the first one is."""

from __future__ import annotations

import cv2
import numpy as np


def align(frames: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Move every frame back by its shift, (n, H, W); cubic interpolation, replicated borders."""
    height, width = frames.shape[1:]
    out = np.empty_like(frames)
    for index, (frame, (dx, dy)) in enumerate(zip(frames, shifts, strict=True)):
        if dx == 0 and dy == 0:
            out[index] = frame
            continue
        matrix = np.array([[1, 0, dx], [0, 1, dy]], dtype=np.float64)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(
            frame, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        # Cubic weights overshoot at edges.
        out[index] = np.clip(moved, 0, max(1.0, float(frame.max())))
    return out
