"""Reader of InsightFace's training sets (MS1M, Glint360K, ...): ``train.rec`` and ``train.idx``.

A line of the index is ``<key>\\t<byte>``. The first record may be a header without a picture: if
its flag is above zero, its first label is the key after the last picture's, and the records from
there on describe identities.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from psface.captures.capture import Capture, Refusal
from psface.captures.ingest_params import IngestParams
from psface.captures.recordio import read_record
from psface.errors import UserError
from psface.user_tables import whole

MOST = 2**31  # people


def read_recordio(root: Path, params: IngestParams, seed: int) -> Iterator[Capture | Refusal]:
    """Yield every picture as a capture of one frame, addressed as ``train.rec::<byte>``.

    Raises
    ------
    UserError
        If a file is missing or the index is malformed.
    """
    records, index = root / "train.rec", root / "train.idx"
    if not records.is_file():
        raise UserError(f"{records}: missing; set ingest.root to the folder that holds it")
    last: int | None = None
    for key, offset in _index(index):
        try:
            labels, picture = read_record(records, offset)
        except UserError as error:
            yield Refusal("unknown", f"{key:08}", str(error))
            continue
        label = labels[0]
        if not (0 <= label < MOST and label == int(label)):  # also False for NaN
            yield Refusal(
                "unknown",
                f"{key:08}",
                f"{records}, byte {offset}: label {label:g} is not a person's number; copy the "
                "file again",
            )
        elif key == 0 and not picture:
            last = int(label) if len(labels) > 1 else None
        elif last is None or key < last:
            frame = f"{records.as_posix()}::{offset}"
            yield Capture(f"{int(label):07}", f"{key:08}", (frame,), np.empty((0, 3)))


def _index(path: Path) -> Iterator[tuple[int, int]]:
    """Yield every line's key and byte, once all are read: duplicates may be far apart."""
    numbers = array("Q")
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                pair = [whole(word) for word in line.split()]
                if len(pair) != 2 or None in pair:
                    raise UserError(
                        f"{path}, line {number}: {line[:40]!r}; expected a key and a byte"
                    )
                numbers.extend(pair)  # type: ignore[arg-type]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}; it must be beside train.rec") from error
    table = np.frombuffer(numbers, np.uint64).reshape(-1, 2)
    for column, name in enumerate(("key", "byte")):
        order = np.argsort(table[:, column], kind="stable")
        ordered = table[order, column]
        if (repeats := np.flatnonzero(ordered[1:] == ordered[:-1])).size:
            first, second = order[repeats[0]] + 1, order[repeats[0] + 1] + 1
            raise UserError(
                f"{path}: {name} {ordered[repeats[0]]} is on lines {first} and {second}; "
                "rebuild the index from train.rec"
            )
    for key, offset in table:
        yield int(key), int(offset)
