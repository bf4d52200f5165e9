"""Mine training windows: faces, parts, non-faces, and what the previous network took for faces.

Zhang et al. (IEEE SPL 23(10), 2016), section III.A: a window is a face if its intersection over
union with one is over 0.65, a part from 0.4 to 0.65, and a non-face if under 0.3 with all faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from psface.detect.annotations import Annotated
from psface.detect.face import overlaps
from psface.detect.mtcnn.boxes import square
from psface.detect.mtcnn.networks import CENTRE, SIDES, SPREAD
from psface.detect.mtcnn.proposals import CELL
from psface.detect.mtcnn.windows import cut

FACE, PART, NONE = 0.65, 0.4, 0.3
SMALLEST = 10.0  # px of a window
# Windows around each face, anywhere in each picture, and near each face.
ABOUT, ANYWHERE, NEAR = 24, 24, 6


@dataclass(frozen=True)
class Samples:
    """Windows and their labels.

    Attributes
    ----------
    pixels : (n, side, side, 3) uint8
    face : (n,) int8
        1 for a face, 0 for none, -1 for a part of one, from which only the box is learned.
    box : (n, 4) float32
        Offsets of the face's sides from the window's, as shares of the window.
    landmarks : (n, 10) float32
        Five x and five y as shares of the window; NaN where unknown.
    """

    pixels: np.ndarray
    face: np.ndarray
    box: np.ndarray
    landmarks: np.ndarray

    def __len__(self) -> int:
        return len(self.face)


def random_windows(
    rng: np.random.Generator, picture: Annotated, shape: Sequence[int]
) -> np.ndarray:
    """Draw squares (n, 4) around each face, near it, and anywhere."""
    height, width = shape[:2]
    longest = max(min(height, width) / 2, SMALLEST + 1)
    side = np.exp(rng.uniform(np.log(SMALLEST), np.log(longest), ANYWHERE))
    corner = rng.random((ANYWHERE, 2)) * np.maximum(np.array([width, height]) - side[:, None], 1)
    out = [np.concatenate([corner, corner + side[:, None]], axis=1)]
    for box in picture.boxes[~picture.ignored]:
        size, centre = box[2:] - box[:2], (box[:2] + box[2:]) / 2
        for count, scale, shift in ((ABOUT, (0.75, 1.3), 0.22), (NEAR, (0.4, 2.0), 0.9)):
            side = rng.uniform(*scale, (count, 1)) * size.max()
            centres = centre + rng.uniform(-shift, shift, (count, 2)) * size
            out.append(np.concatenate([centres - side / 2, centres + side / 2], axis=1))
    return np.concatenate(out)


def label(windows: np.ndarray, picture: Annotated, name: str) -> tuple[np.ndarray, ...]:
    """Label squares (n, 4) of a picture for the network ``name``.

    Returns
    -------
    kept, face, box, landmarks : (k,) int64, (k,), (k, 4), (k, 10)
        As in `Samples`; windows between the classes or on ignored faces are dropped.
    """
    none = Annotated(picture.path, np.zeros((1, 4)), np.full((1, 5, 2), np.nan), np.zeros(1, bool))
    truth = picture if len(picture.boxes) else none
    shared = overlaps(windows, truth.boxes)
    nearest, best = shared.argmax(axis=1), shared.max(axis=1)
    face = np.select([best >= FACE, best >= PART, best < NONE], [1, -1, 0], 2).astype(np.int8)
    kept = np.flatnonzero((face != 2) & ~((face != 0) & truth.ignored[nearest]))
    face, nearest, windows = face[kept], nearest[kept], windows[kept]
    side = windows[:, 2:] - windows[:, :2]
    if name == "pnet":  # the cell starts a pixel of the level late and is eleven wide
        begin, size = windows[:, :2] + side / CELL, side * (CELL - 1) / CELL
    else:  # the last pixel belongs to the window
        begin, size = windows[:, :2], side + 1
    reference = np.concatenate([begin, windows[:, 2:]], axis=1)
    box = (truth.boxes[nearest] - reference) / np.tile(size, 2)
    points = (truth.landmarks[nearest] - windows[:, None, :2] + 1) / (side + 1)[:, None]
    landmarks = points.transpose(0, 2, 1).reshape(-1, 10)
    box[face == 0], landmarks[face == 0] = 0, np.nan
    return kept, face, box.astype(np.float32), landmarks.astype(np.float32)


def cut_out(image: np.ndarray, windows: np.ndarray, name: str) -> np.ndarray:
    """Cut out squares (n, 4) of an image (H, W, 3) as the network sees them.

    Returns (n, side, side, 3) uint8.
    """
    if name == "pnet":
        return _cells(image, windows)
    pixels, owner = torch.from_numpy(np.stack([image])), np.zeros(len(windows), np.int64)
    seen = cut(pixels, owner, windows.astype(np.float32), SIDES[name]) * SPREAD + CENTRE
    return seen.round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()


def _cells(image: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Scale squares to a cell, each pixel the mean of what it covers; grey outside the image."""
    out = np.empty((len(windows), CELL, CELL, 3), np.uint8)
    for place, (x1, y1, x2, _) in zip(out, windows, strict=True):
        # First at about the image's scale, then averaged.
        fine = CELL * max(1, round((x2 - x1) / CELL))
        step = (x2 - x1) / fine
        matrix = np.array([[step, 0, x1 + step / 2 - 0.5], [0, step, y1 + step / 2 - 0.5]])
        seen = cv2.warpAffine(
            image,
            matrix,
            (fine, fine),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderValue=(127, 127, 127),
        )
        place[:] = cv2.resize(seen, (CELL, CELL), interpolation=cv2.INTER_AREA)
    return out


def balanced(rng: np.random.Generator, face: np.ndarray) -> np.ndarray:
    """Choose rows: all faces, as many parts at most, and three times as many non-faces at most."""
    faces = max(1, int((face == 1).sum()))
    rows = [np.flatnonzero(face == 1)]
    for kind, most in ((-1, faces), (0, 3 * faces)):
        candidates = np.flatnonzero(face == kind)
        rows.append(rng.permutation(candidates)[:most])
    return np.sort(np.concatenate(rows))


def fewer(
    rng: np.random.Generator, rows: np.ndarray, face: np.ndarray, hard: np.ndarray, most: int
) -> np.ndarray:
    """Choose at most ``most`` rows in the proportions of `balanced`, hard ones first."""
    rows = rng.permutation(rows)
    rows = rows[np.argsort(~hard[rows], kind="stable")]
    parts = [
        rows[face[rows] == kind][: max(1, share * most // 5)]
        for kind, share in ((1, 1), (-1, 1), (0, 3))
    ]
    return np.sort(np.concatenate(parts))


def mine(
    rng: np.random.Generator,
    pictures: Sequence[Annotated],
    images: Sequence[np.ndarray],
    proposed: Sequence[np.ndarray],
    name: str,
    most: int,
) -> Samples:
    """Mine samples for the network ``name``, at most ``most`` per picture.

    Candidates are random windows and those that the networks before it proposed.
    """
    parts: list[tuple[np.ndarray, ...]] = []
    for picture, image, windows in zip(pictures, images, proposed, strict=True):
        candidates = square(np.concatenate([random_windows(rng, picture, image.shape), windows]))
        kept, face, box, landmarks = label(candidates, picture, name)
        # False proposals are the hardest.
        hard = (face == 0) & (kept >= len(candidates) - len(windows))
        chosen = np.union1d(balanced(rng, face), np.flatnonzero(hard))
        if len(chosen) > most:
            chosen = fewer(rng, chosen, face, hard, most)
        pixels = cut_out(image, candidates[kept[chosen]], name)
        parts.append((pixels, face[chosen], box[chosen], landmarks[chosen]))
    return Samples(*(np.concatenate(part) for part in zip(*parts, strict=True)))
