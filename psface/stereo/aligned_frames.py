"""Move the frames of a capture back to where the first one is."""

from __future__ import annotations

import cv2
import numpy as np

KERNEL = 4  # px, of cubic interpolation


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
        np.clip(moved, 0, max(1.0, float(frame.max())), out=out[index])
    return out


def align_marks(marks: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Move marked pixels, (n, H, W) bool, as `align` moves frames: all that one has a part in."""
    out = np.zeros_like(marks)
    for mark, shift, moved in zip(marks, shifts, out, strict=True):
        left, top, width, height = cv2.boundingRect(mark.astype(np.uint8))
        margin = int(np.abs(shift).max()) + KERNEL
        box = np.s_[
            max(0, top - margin) : top + height + margin,
            max(0, left - margin) : left + width + margin,
        ]
        if width:
            moved[box] = align(mark[box][None].astype(np.float32), shift[None])[0] > 0
    return out
