"""Score detected faces against annotated ones.

A detection is correct if its intersection over union with a face that is not yet taken is at least
0.5; more confident detections choose first (Everingham et al., "The PASCAL Visual Object Classes
(VOC) Challenge", IJCV 88(2), 2010, section 4.2; WIDER FACE does the same). Detections of ignored
faces count neither way.
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
    """Return precision and recall of all detections, average precision and landmark error.

    Returns
    -------
    dict
        ``precision`` (None if nothing was found), ``recall``, ``average_precision`` (area under
        precision over recall, with precision made non-increasing), ``landmark_error`` (mean
        distance as a share of that between the eyes, over all known points of correctly detected
        faces; None if there are none), ``faces``.
    """
    scores, hits, errors = [], [], []
    total = sum(int((~picture.ignored).sum()) for picture in truth)
    for picture, faces in zip(truth, found, strict=True):
        for face, match in zip(*_matched(picture, faces), strict=True):
            if match is not None and picture.ignored[match]:
                continue
            scores.append(face.score)
            hits.append(match is not None)
            if match is not None and face.landmarks is not None:
                errors += _landmark_errors(picture.landmarks[match], face.landmarks)
    order = np.argsort(-np.array(scores), kind="stable")
    correct = np.array(hits, bool)[order]
    return {
        "precision": float(correct.mean()) if len(correct) else None,
        "recall": float(correct.sum() / total) if total else None,
        "average_precision": _average_precision(correct, total),
        "landmark_error": float(np.mean(errors)) if errors else None,
        "faces": total,
    }


def _matched(picture: Annotated, faces: Sequence[Face]) -> tuple[list[Face], list[int | None]]:
    """Match faces, the most confident first, each to the index of the annotated face it takes."""
    faces = sorted(faces, key=lambda face: -face.score)
    boxes = np.array([face.box for face in faces], float).reshape(-1, 4)
    shared = overlaps(boxes, picture.boxes)
    free = np.ones(len(picture.boxes), bool)
    matches: list[int | None] = []
    for row in shared:
        # An ignored face absorbs any number of detections, but only those no other face claims.
        for open_to in (free & ~picture.ignored, picture.ignored):
            best = int(np.argmax(np.where(open_to, row, -1))) if len(row) else -1
            if best >= 0 and open_to[best] and row[best] >= OVERLAP:
                free[best] = False
                matches.append(best)
                break
        else:
            matches.append(None)
    return faces, matches


def _landmark_errors(truth: np.ndarray, found: np.ndarray) -> list[float]:
    eye_distance = float(np.linalg.norm(truth[1] - truth[0]))
    distances = np.linalg.norm(found - truth, axis=1)
    return [float(d / eye_distance) for d in distances if np.isfinite(d) and eye_distance > 0]


def _average_precision(correct: np.ndarray, total: int) -> float | None:
    if not total:
        return None
    hits = np.cumsum(correct)
    precision = hits / np.arange(1, len(correct) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(falling[correct].sum() / total)
