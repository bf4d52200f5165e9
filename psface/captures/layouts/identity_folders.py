"""Reader of identity folders: ``<root>/<identity>/<picture>``, as in LFW, ORL or your own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from psface.captures.capture import Capture, Refusal
from psface.captures.images import PICTURE_SUFFIXES
from psface.captures.ingest_params import IngestParams
from psface.paths import folders_in, listed


def read_folders(root: Path, params: IngestParams, seed: int) -> Iterator[Capture | Refusal]:
    """Yield every picture as a capture of one frame; files with other suffixes are refused.

    Folders inside an identity's folder are not read.
    """
    for person in folders_in(root):
        for path in (p for p in listed(person) if not p.is_dir()):
            # Keep the suffix: 1.jpg and 1.png are two pictures.
            if path.suffix.lower() in PICTURE_SUFFIXES:
                yield Capture(person.name, path.name, (path.as_posix(),), np.empty((0, 3)))
            else:
                known = ", ".join(PICTURE_SUFFIXES)
                reason = f"{path}: not a supported picture ({known}); remove or convert it"
                yield Refusal(person.name, path.name, reason)
