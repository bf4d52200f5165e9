"""Reader of CelebA (Liu et al., "Deep Learning Face Attributes in the Wild", ICCV 2015).

``identity_CelebA.txt`` has a line ``<picture> <identity>`` per picture. ``list_attr_celeba.txt``
has the number of pictures, the attribute names, and a line of 1 and -1 per picture. The pictures
are in ``img_align_celeba`` or ``img_celeba``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from psface.captures.capture import Capture, Refusal
from psface.captures.ingest_params import IngestParams
from psface.errors import UserError
from psface.paths import find_path

FOLDERS = ("img_align_celeba", "img_celeba")
NEEDED = (
    "Eyeglasses", "No_Beard", "Goatee", "Mustache", "5_o_Clock_Shadow", "Male", "Smiling",
)  # fmt: skip


def read_celeba(root: Path, params: IngestParams, seed: int) -> Iterator[Capture | Refusal]:
    """Yield every picture as a capture of one frame, with its attributes as Photoface's labels.

    Raises
    ------
    UserError
        If a list or the folder of pictures is missing, or a line is malformed.
    """
    folder = next((root / name for name in FOLDERS if (root / name).is_dir()), None)
    if folder is None:
        raise UserError(
            f"{root}: no folder {' or '.join(FOLDERS)}; set ingest.root to CelebA's folder"
        )
    identities = root / "identity_CelebA.txt"
    attributes = root / "list_attr_celeba.txt"
    labels = _labels(attributes)
    lines: dict[str, int] = {}
    for number, line in _lines(identities):
        words = line.split()
        if len(words) != 2:
            raise UserError(
                f"{identities}, line {number}: {line[:60]!r}; expected picture and identity"
            )
        picture, identity = words
        if lines.setdefault(picture, number) != number:
            raise UserError(
                f"{identities}: {picture} is on lines {lines[picture]} and {number}; "
                "use CelebA's two lists unchanged"
            )
        labelled = next(labels, None)
        if labelled is None or labelled[0] != picture:
            raise UserError(
                f"{attributes}: {picture}, line {number} of {identities.name}, is not on the "
                "matching line; use CelebA's two lists unchanged"
            )
        path = find_path(folder, picture)
        yield Capture(identity, picture, (path.as_posix(),), np.empty((0, 3)), labelled[1])


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from ((n, line.strip()) for n, line in enumerate(file, start=1) if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}; put CelebA's lists in ingest.root") from error


def _labels(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each picture's name and labels."""
    lines = _lines(path)
    next(lines, None)  # the number of pictures
    _, header = next(lines, (0, ""))
    names = header.split()
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise UserError(f"{path}: no attribute {', '.join(missing)} in its second line")
    for number, line in lines:
        picture, *values = line.split()
        if len(values) != len(names) or not set(values) <= {"1", "-1"}:
            raise UserError(
                f"{path}, line {number}: expected a picture and {len(names)} of 1 or -1"
            )
        has = {name: value == "1" for name, value in zip(names, values, strict=True)}
        yield picture, photoface_labels(has)


def photoface_labels(has: dict[str, bool]) -> dict[str, str]:
    """Convert CelebA's attributes to `psface.captures.layouts.photoface.KNOWN_LABELS`."""
    beard = has["Goatee"] or not has["No_Beard"]
    if beard and has["Mustache"]:
        hair = "both"
    elif beard or has["Mustache"]:
        hair = "beard" if beard else "moustache"
    else:
        hair = "stubble" if has["5_o_Clock_Shadow"] else "none"
    return {
        "gender": "male" if has["Male"] else "female",
        "spectacles": "yes" if has["Eyeglasses"] else "no",
        "facial_hair": hair,
        "emotion": "positive" if has["Smiling"] else "blankstare",
    }
