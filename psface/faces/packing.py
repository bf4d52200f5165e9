"""Write packed crops: an array per map, and a table."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from psface.captures.capture import Capture, Refusal, refused
from psface.captures.decoding import decode
from psface.captures.images import grey
from psface.detect.face import Face
from psface.disk import partial_path, writing
from psface.errors import UserError
from psface.faces.array_file import ArrayFile
from psface.faces.crop_params import CropParams
from psface.faces.cropping import Crop, crop_capture
from psface.faces.lamp_check import LampTrust
from psface.faces.locate import find_face
from psface.faces.modalities import MAPS, PICTURES, Map
from psface.faces.records import COMPANION, PLACE, RecordFile, place_of, record_of
from psface.faces.stored_planes import in_halves
from psface.files import array_digest
from psface.stage_tables import ROWS_AT_ONCE
from psface.stereo.map_folder import MapFolder

TABLE, JOURNAL = "faces.parquet", "faces.jsonl"
FOUND = ("found_on", "score", "landmarks", "trust")  # columns


@dataclass(frozen=True)
class Form:
    """What all crops of a run have in common.

    Attributes
    ----------
    size : int
        Side in pixels.
    channels : dict of str to int
        Number of channels of each map; pictures have only ``raw``.
    attributes : tuple of str
        Those that any capture has.
    records : RecordFile or None
        Where the crops stay, if they are not stored as arrays.
    """

    size: int
    channels: dict[Map, int]
    attributes: tuple[str, ...]
    records: RecordFile | None = None

    @property
    def schema(self) -> pa.Schema:
        """Columns of the table."""
        texts = ("identity", "session", "fingerprint", "content", "found_on")
        text_columns = {name: pa.string() for name in texts}
        face_columns = {
            "score": pa.float64(), "landmarks": pa.list_(pa.float64()), "trust": pa.string()
        }  # fmt: skip
        return pa.schema(
            {**dict.fromkeys(self.attributes, pa.string()), **text_columns, **face_columns}
        )

    def shape(self, name: Map) -> tuple[int, ...]:
        """Shape of an item of a map's array."""
        return () if self.records else (self.channels[name], self.size, self.size)

    def types(self, name: Map) -> tuple[np.dtype, ...]:
        """Possible types of a map's array, the smallest first."""
        if self.records:
            return (PLACE,)
        eight_bit = (np.dtype(np.uint8),) if name in PICTURES else ()
        return (*eight_bit, np.dtype(np.float16))


def form_of(captures: Iterable[Capture], params: CropParams) -> Form:
    """Return the form of some captures' crops, with as many ``frames`` as the capture with the
    fewest lights has."""
    pictures, lights, attributes = False, 0, set[str]()
    archives = set[str]()  # empty: at least one crop cannot stay in a file of records
    for capture in captures:
        pictures |= capture.is_picture
        if len(archives) < 2:
            archives.add(_archive_of(capture) if params.detector == "aligned" else "")
        lights = min(lights or len(capture.frames), len(capture.frames))
        attributes |= capture.attributes.keys()
    channels: dict[Map, int] = {"raw": 3 if params.colour else 1}
    if not pictures:
        channels |= {"albedo": 1, "normalmap": 3, "depthmap": 1, "frames": lights}
    archive = archives.pop() if len(archives) == 1 else ""
    records = RecordFile(archive, params) if archive else None
    return Form(params.size, channels, tuple(sorted(attributes)), records)


def _archive_of(capture: Capture) -> str:
    """The RecordIO file that holds a picture; empty if none does, or if it takes more than the
    record to decode it."""
    record = record_of(capture.frames[0])
    return record[0] if record and capture.is_picture and capture.bits is None else ""


@dataclass(frozen=True)
class Packable:
    """A crop's row in each map's array, half floats or a place, and in the table's columns
    `FOUND`; its `content`, if that is known already."""

    planes: dict[Map, np.ndarray]
    found: dict[str, Any]
    content: str = ""


def packed_crop(
    capture: Capture, maps: MapFolder, params: CropParams, form: Form
) -> Packable | Refusal:
    """Crop a capture whose maps are in the folder ``maps``, or return why there is no crop."""
    try:
        found = _place(capture, params) if form.records else _cut(capture, maps, params, form)
    except UserError as error:
        return refused(capture, error)
    if found is None:
        return refused(
            capture,
            f"{capture.frames[0]}: no face found; if there is one, set crop.padding (tight crops) "
            "or crop.min_face_size",
        )
    return found


def _cut(capture: Capture, maps: MapFolder, params: CropParams, form: Form) -> Packable | None:
    pixels = capture.pixels(params.colour)
    capture_maps = None if capture.is_picture else maps.maps(capture.key)
    crop = crop_capture(pixels, capture_maps, params, whole=False)
    if crop is None:
        return None
    return packable(crop, form)


def packable(crop: Crop, form: Form) -> Packable:
    """What is stored of a crop."""
    planes = {name: crop.planes[name][:count] for name, count in form.channels.items()}
    return Packable(planes, _columns(crop.face, crop.found_on, crop.trust))


def _place(capture: Capture, params: CropParams) -> Packable | None:
    """What is stored of a picture that is cut when it is read."""
    record = record_of(capture.frames[0])
    assert record is not None
    encoded = capture.encoded(0)
    image = grey(decode(encoded, Path(capture.frames[0]), None, None))
    found = find_face(image[None], None, capture.landmarks, params)
    if found is None:
        return None
    return Packable({"raw": place_of(record[1], encoded)}, _columns(*found, None))


def _columns(face: Face, found_on: str, trust: LampTrust | None) -> dict[str, Any]:
    assert face.landmarks is not None
    return {
        "found_on": found_on,
        "score": face.score,
        "landmarks": face.landmarks.astype(float).ravel().tolist(),
        "trust": "" if trust is None else json.dumps(asdict(trust)),
    }


def content(planes: dict[Map, np.ndarray]) -> str:
    """Hash a crop's planes, the same whatever they are stored as; the table keeps it to verify the
    arrays."""
    return array_digest(in_halves(planes[name]) for name in sorted(planes))


class Packed:
    """Writer of the arrays and their table, which replace the old ones only at the end.

    Attributes
    ----------
    count : int
        Crops so far.
    """

    def __init__(self, out: Path, form: Form) -> None:
        self.out, self.form, self.count = out, form, 0
        self.rows: list[dict[str, Any]] = []
        self.paths = [out / TABLE, *(out / f"{name}.npy" for name in form.channels), out / JOURNAL]
        with writing(out / TABLE):
            out.mkdir(parents=True, exist_ok=True)
            self.arrays = {
                name: ArrayFile(
                    partial_path(out / f"{name}.npy"), form.shape(name), form.types(name)
                )
                for name in form.channels
            }
            self.journal = partial_path(out / JOURNAL).open("w", encoding="utf-8")
            self.table = pq.ParquetWriter(partial_path(out / TABLE), form.schema)

    def __enter__(self) -> Packed:
        return self

    def add(self, crop: Packable, capture: dict[str, str]) -> None:
        """Add a crop, and the table's columns about its capture: ``identity``, ``session``,
        ``fingerprint`` and attributes; a missing attribute is unknown."""
        planes, unknown = crop.planes, dict.fromkeys(self.form.attributes, "")
        row = {**unknown, **capture, **crop.found, "content": crop.content or content(planes)}
        with writing(self.out / TABLE):
            for name, array in self.arrays.items():
                array.add(planes[name])
            # After the arrays, so that every line has complete rows.
            line = {name: row[name] for name in (*FOUND, "content", "fingerprint")}
            self.journal.write(json.dumps(line) + "\n")
            self.journal.flush()
            self.rows.append(row)
            self.count += 1
            if len(self.rows) == ROWS_AT_ONCE:
                self._write_rows()

    def _remove(self) -> None:
        for path in self.paths:
            partial_path(path).unlink(missing_ok=True)

    def _write_rows(self) -> None:
        self.table.write_table(pa.Table.from_pylist(self.rows, self.form.schema))
        self.rows = []

    def __exit__(self, kind: object, *rest: object) -> None:
        """Put the files in place; after an error, leave what the next run can resume from."""
        with contextlib.ExitStack() as closing:
            files = (array.file for array in self.arrays.values())
            for file in (*files, self.journal, self.table):
                closing.callback(file.close)
            if kind is not None:
                if not self.count:
                    closing.callback(self._remove)
                return
            with writing(self.out / TABLE):
                self._write_rows()
                for array in self.arrays.values():
                    array.finish()
        with writing(self.out / TABLE):
            # Without a table there are no faces: it is removed first and replaced last, so that a
            # killed run never leaves it beside arrays that are not its own.
            (self.out / TABLE).unlink(missing_ok=True)
            for name in self.arrays:
                path = self.out / f"{name}.npy"
                partial_path(path).replace(path)
            for name in set(MAPS) - set(self.arrays):  # left by a run with known lights
                (self.out / f"{name}.npy").unlink(missing_ok=True)
            if self.form.records is None:
                (self.out / COMPANION).unlink(missing_ok=True)
            else:
                self.form.records.write(self.out / COMPANION)
            partial_path(self.out / TABLE).replace(self.out / TABLE)
        partial_path(self.out / JOURNAL).unlink(missing_ok=True)
        for path in self.out.glob(".partial-*"):  # of killed runs
            path.unlink(missing_ok=True)
