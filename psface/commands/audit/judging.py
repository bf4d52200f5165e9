"""Apply the rules about one picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from psface.captures.images import rgb
from psface.captures.media import read_picture
from psface.commands.audit.appearance import appearance
from psface.commands.audit.audit_faces import find_faces
from psface.commands.audit.audit_params import AuditParams
from psface.commands.audit.data_set import Entry
from psface.commands.audit.pattern import pattern
from psface.commands.audit.pose import head_pose
from psface.commands.audit.rules import Finding, Rule, rules_of
from psface.commands.audit.worn import attribute_findings
from psface.detect.face import Face, rgb8
from psface.errors import UserError
from psface.report.annotated_pictures import annotated

OF_PICTURE = ("shorter_side", "longer_side", "aspect", "faces")
OF_FACE = (
    "face_size", "face_share", "yaw", "pitch",
    "brightness", "contrast", "colour", "blur", "pattern",
)  # fmt: skip
THUMBNAIL, JPEG_QUALITY = 200, 80  # px of the longer side


@dataclass(frozen=True)
class Judged:
    """An entry of the data set with its findings; a JPEG ``thumbnail`` if any is a violation."""

    entry: Entry
    findings: list[Finding]
    thumbnail: bytes = b""


def judge(params: AuditParams, root: Path, entry: Entry) -> Judged:
    """Return all findings about one entry of the data set."""
    if entry.kind == "identity":
        return Judged(entry, [])
    if entry.kind == "other":
        return Judged(entry, [entry.finding])
    rules = rules_of(params)
    try:
        image = read_picture(root / entry.path)
    except UserError as error:
        reason = str(error).removeprefix(f"{root / entry.path}: ")
        findings = [Finding("readable", "violation", note=reason)]
        findings += [rules[name].judge(None, "unreadable") for name in (*OF_PICTURE, *OF_FACE)]
        return Judged(entry, _of(entry, findings))
    faces = find_faces(image)
    findings = [Finding("readable", "ok"), *judge_image(image, faces, rules)]
    findings += attribute_findings(image, faces, rules, params)
    violated = any(finding.verdict == "violation" for finding in [entry.finding, *findings])
    return Judged(entry, _of(entry, findings), thumbnail(image, faces) if violated else b"")


def judge_image(image: np.ndarray, faces: list[Face], rules: dict[str, Rule]) -> Iterator[Finding]:
    """Apply the rules that need no model to a picture (H, W, 3) and its faces, largest first."""
    height, width = image.shape[:2]
    values = (min(height, width), max(height, width), height / width, len(faces))
    for name, value in zip(OF_PICTURE, values, strict=True):
        yield rules[name].judge(value)
    measured = face_values(image, faces[0]) if faces else {}
    for name in OF_FACE:
        reason = "face too small" if faces else "no face found"
        yield rules[name].judge(measured.get(name), reason)


def face_values(image: np.ndarray, face: Face) -> dict[str, float | None]:
    """Measure a face for the rules `OF_FACE`, in a picture (H, W, 3) of 8 or 16 bits."""
    height, width = image.shape[:2]
    assert face.landmarks is not None
    x1, y1, x2, y2 = (float(side) for side in face.box)
    inside = [np.clip(np.round(sides), 0, end).astype(int)
              for sides, end in (((y1, y2), height), ((x1, x2), width))]  # fmt: skip
    (top, bottom), (left, right) = inside
    area = (bottom - top) * (right - left)
    pose, looks = head_pose(face.landmarks), appearance(image, face.landmarks)
    luma = cv2.cvtColor(rgb(image[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    return {
        "face_size": min(x2 - x1, y2 - y1),
        "face_share": area / (height * width),
        "yaw": pose.yaw,
        "pitch": pose.pitch,
        "brightness": looks.brightness,
        "contrast": looks.contrast,
        "colour": looks.colour,
        "blur": looks.blur,
        "pattern": pattern(luma),
    }


def thumbnail(image: np.ndarray, faces: list[Face]) -> bytes:
    """Encode a small JPEG of a picture with its faces marked."""
    scale = min(1.0, THUMBNAIL / max(image.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    small = rgb8(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    marked = [Face(face.box * scale, face.score, face.landmarks * scale) for face in faces]
    bgr = cv2.cvtColor(annotated(small, marked), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def _of(entry: Entry, findings: list[Finding]) -> list[Finding]:
    group, identity, path = entry.group, entry.identity, entry.path
    about = (replace(f, group=group, identity=identity, path=path) for f in findings)
    return [entry.finding, *about]
