"""How well found faces agree with annotated ones.

A found face is right if its intersection over the union with a face that is not yet taken is at
least 0.5; the surer ones choose first (Everingham et al., "The PASCAL Visual Object Classes (VOC)
Challenge", IJCV 88(2), 2010, section 4.2; WIDER FACE does the same). Found faces that fall on
ignored ones count neither way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from psface.detect.annotations import Annotated
from psface.detect.face import Face, overlaps

OVERLAP = 0.5


def accuracy(
    truth: Sequence[Annotated], found: Sequence[Sequence[Face]]
) -> dict[str, float | int | None]:
    """Precision and recall of all found faces, average precision, and the landmarks' error.

    Returns
    -------
    dict
        ``precision`` (None if nothing was found), ``recall``, ``average_precision`` (area under
        the precision, made to fall with recall, over recall), ``landmark_error`` (mean distance
        over the distance of the eyes, over all known points of rightly found faces; None without
        any), ``faces``.
    """
    scores, rights, errors = [], [], []
    wanted = sum(int((~picture.ignored).sum()) for picture in truth)
    for picture, faces in zip(truth, found, strict=True):
        for face, match in zip(*_matched(picture, faces), strict=True):
            if match is not None and picture.ignored[match]:
                continue
            scores.append(face.score)
            rights.append(match is not None)
            if match is not None and face.landmarks is not None:
                errors += _landmark_errors(picture.landmarks[match], face.landmarks)
    order = np.argsort(-np.array(scores), kind="stable")
    right = np.array(rights, bool)[order]
    return {
        "precision": float(right.mean()) if len(right) else None,
        "recall": float(right.sum() / wanted) if wanted else None,
        "average_precision": _average_precision(right, wanted),
        "landmark_error": float(np.mean(errors)) if errors else None,
        "faces": wanted,
    }


def _matched(picture: Annotated, faces: Sequence[Face]) -> tuple[list[Face], list[int | None]]:
    """Found faces, the surest first, each with the annotated one that it takes."""
    faces = sorted(faces, key=lambda face: -face.score)
    boxes = np.array([face.box for face in faces], float).reshape(-1, 4)
    shared = overlaps(boxes, picture.boxes)
    free = np.ones(len(picture.boxes), bool)
    out: list[int | None] = []
    for row in shared:
        # An ignored face can take any number of found ones, but only what no other face wants.
        for open_to in (free & ~picture.ignored, picture.ignored):
            best = int(np.argmax(np.where(open_to, row, -1))) if len(row) else -1
            if best >= 0 and open_to[best] and row[best] >= OVERLAP:
                free[best] = False
                out.append(best)
                break
        else:
            out.append(None)
    return faces, out


def _landmark_errors(truth: np.ndarray, found: np.ndarray) -> list[float]:
    apart = float(np.linalg.norm(truth[1] - truth[0]))
    distances = np.linalg.norm(found - truth, axis=1)
    return [float(d / apart) for d in distances if np.isfinite(d) and apart > 0]


def _average_precision(right: np.ndarray, wanted: int) -> float | None:
    if not wanted:
        return None
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(falling[right].sum() / wanted)
