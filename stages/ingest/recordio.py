"""Reader of InsightFace's training sets (MS1M, Glint360K, ...): ``train.rec`` and ``train.idx``.

A line of the index is ``<key>\\t<byte>``. The first record may be none of a picture: with a flag
over zero its first label is the key after the last picture's; the records behind that describe
identities.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stages.errors import UserError
from stages.params import IngestParams
from stages.recordio import read_record
from stages.session import Refusal, Session


def read_recordio(root: Path, params: IngestParams, seed: int) -> Iterator[Session | Refusal]:
    """Yield every picture as a session of one frame; its address is ``train.rec::<byte>``.

    Raises
    ------
    UserError
        If a file is missing or the index is not one.
    """
    records, index = root / "train.rec", root / "train.idx"
    if not records.is_file():
        raise UserError(f"{records}: missing; ingest.root is the folder that holds it")
    last: int | None = None
    for key, offset in _index(index):
        try:
            labels, picture = read_record(records, offset)
        except UserError as error:
            yield Refusal("unknown", f"{key:08}", str(error))
            continue
        if key == 0 and not picture:
            last = int(labels[0]) if len(labels) > 1 else None
        elif last is None or key < last:
            frame = f"{records.as_posix()}::{offset}"
            yield Session(f"{int(labels[0]):07}", f"{key:08}", (frame,), np.empty((0, 3)))


def _index(path: Path) -> Iterator[tuple[int, int]]:
    try:
        with path.open(encoding="ascii") as file:
            for number, line in enumerate(file, start=1):
                words = line.split()
                if len(words) != 2 or not all(word.isdigit() for word in words):
                    raise UserError(
                        f"{path}, line {number}: {line[:40]!r}; wanted a key and a byte"
                    )
                yield int(words[0]), int(words[1])
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}; it belongs beside train.rec") from error
