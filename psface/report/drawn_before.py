"""Pictures that say what they were drawn from, so that none is drawn twice."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

DRAWN_FROM = "Drawn from"  # the PNG file's text with this keyword


def shows(path: Path, drawn_from: str) -> bool:
    """Whether a PNG file is intact and was drawn from what a digest stands for.

    Examples
    --------
    >>> shows(Path("missing.png"), "a digest")
    False
    """
    try:
        with Image.open(path) as image:
            noted = image.info.get(DRAWN_FROM)
            image.load()  # to the last byte: it may be cut off
    except Exception:  # a damaged file can make the reader raise anything
        return False
    return noted == drawn_from
