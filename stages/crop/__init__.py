"""crop: find the face of each session and cut all its maps alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from stages.alignment import crop_image, similarity
from stages.crop.alignment import crop_maps, face_oval
from stages.crop.detection import Found, find_face
from stages.crop.picture import draw_faces
from stages.errors import UserError
from stages.files import code_digest, replacing
from stages.images import read_bytes
from stages.maps import read_maps, read_notes
from stages.parallel import map_sessions
from stages.params import MAPS, CropParams, Map
from stages.session import Refusal, Session, read_sessions, write_refusals
from stages.stereo import map_path
from stages.stereo.maps import read_frames
from stages.stereo.registration import align


@dataclass(frozen=True)
class Crop:
    """One session's crop: planes by map, (C, size, size) float16, and how it was found. A picture
    has ``raw`` alone."""

    planes: dict[Map, np.ndarray]
    row: dict[str, object]


def crop(
    params: CropParams, sessions_path: Path, stereo: Path, out: Path, picture: Path
) -> tuple[int, int, int]:
    """Write ``out/<map>.npy`` (N, C, size, size) float16, ``faces.parquet`` and ``failures.csv``.

    Row i of the table is entry i of each array. ``frames`` has as many channels as the session of
    the fewest lights has frames, in the order of their lights about the axis. Of pictures, which
    have no lights, there is ``raw`` alone. Crops whose maps, frames and parameters have not changed
    are taken over from the last run. ``picture`` shows some faces, evenly spread.

    Returns
    -------
    made, kept, failed : int

    Raises
    ------
    UserError
        If there is no face in any session.
    """
    sessions = read_sessions(sessions_path)
    stages = Path(__file__).parents[1]
    code = code_digest(stages / "crop") + code_digest(stages / "detect")
    if params.detector_weights:
        code += hashlib.sha256(read_bytes(Path(params.detector_weights))).hexdigest()
    wanted = [_fingerprint(s, stereo, params, code) for s in sessions]
    maps: tuple[Map, ...] = ("raw",) if any(s.is_picture for s in sessions) else MAPS
    lights = min(len(session.frames) for session in sessions)
    before = _Previous(out, maps, lights)
    todo = [s for s, mark in zip(sessions, wanted, strict=True) if mark not in before.index]
    work = partial(_crop_session, stereo=stereo, params=params, lights=lights)
    made = map_sessions(work, todo, "crop")

    failures: list[Refusal] = []
    with _Packed(out, maps, params.size, lights) as packed:
        for session, mark in zip(sessions, wanted, strict=True):
            result = before.get(mark) if mark in before.index else next(made)
            if isinstance(result, Refusal):
                failures.append(result)
                continue
            row = {"identity": session.identity, "session": session.session, "fingerprint": mark}
            packed.add(Crop(result.planes, {**row, **session.attributes, **result.row}))
        list(made)  # let the pool close and the bar finish
        write_refusals(out / "failures.csv", failures)
        if not packed.rows:
            raise UserError(
                f"crop: no face in any of {len(sessions)} sessions; check the frames, or set "
                "crop.padding (tight crops) or crop.min_face_size (params.yaml)"
            )
    with replacing(picture) as path:
        draw_faces(out, path)
    return len(todo) - len(failures), len(sessions) - len(todo), len(failures)


def _crop_session(
    session: Session, stereo: Path, params: CropParams, lights: int
) -> Crop | Refusal:
    maps = None
    try:
        frames = read_frames(session)
        if not session.is_picture:
            maps = read_maps(map_path(stereo, session))
            frames = align(frames, np.array(json.loads(maps.notes["shifts"])))
    except UserError as error:
        return Refusal(session.identity, session.session, str(error))
    found = find_face(frames, None if maps is None else maps.albedo, session.landmarks, params)
    if found is None:
        return Refusal(session.identity, session.session, f"{session.frames[0]}: no face found")
    matrix = similarity(found.landmarks, params.size)
    oval = face_oval(params.size)
    pictures = np.stack([crop_image(frame, matrix, params.size) * oval for frame in frames])
    planes: dict[Map, np.ndarray] = {"raw": pictures[:1]}
    if maps is not None:
        cut = crop_maps(maps, matrix, params.size)
        around = np.argsort(np.arctan2(session.lights[:, 1], session.lights[:, 0]), kind="stable")
        planes |= {
            "albedo": cut.albedo[None],
            "normalmap": cut.normal,
            "depthmap": cut.depth[None],
            "frames": pictures[around[:lights]],
        }
    return Crop({name: plane.astype(np.float16) for name, plane in planes.items()}, _row(found))


def _row(found: Found) -> dict[str, object]:
    return {
        "found_on": found.image,
        "score": found.score,
        "landmarks": found.landmarks.astype(float).ravel().tolist(),
    }


def _fingerprint(session: Session, stereo: Path, params: CropParams, code: str) -> str:
    maps = read_notes(map_path(stereo, session)).get("fingerprint", "")
    given = "" if session.landmarks is None else session.landmarks.tobytes().hex()
    parts = (session.name, session.digest, maps, given, params.model_dump_json(), code)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class _Previous:
    """The last run's crops by fingerprint; empty if there is none that is whole."""

    def __init__(self, out: Path, maps: Sequence[Map], lights: int) -> None:
        self.index: dict[str, int] = {}
        try:
            self.table = pd.read_parquet(out / "faces.parquet")
            self.arrays = {name: np.load(out / f"{name}.npy", mmap_mode="r") for name in maps}
            marks = self.table["fingerprint"]
        except (OSError, EOFError, ValueError, KeyError):
            return
        whole = all(len(array) == len(marks) for array in self.arrays.values())
        if whole and ("frames" not in maps or self.arrays["frames"].shape[1] == lights):
            self.index = {mark: row for row, mark in enumerate(marks)}

    def get(self, fingerprint: str) -> Crop:
        row = self.index[fingerprint]
        planes = {name: array[row] for name, array in self.arrays.items()}
        found = self.table.iloc[row]
        return Crop(planes, {name: found[name] for name in ("found_on", "score", "landmarks")})


class _Packed:
    """Writes the arrays and their table beside the old ones and replaces them at the end."""

    def __init__(self, out: Path, maps: Sequence[Map], size: int, lights: int) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.out = out
        self.rows: list[dict[str, object]] = []
        self.files = {name: (out / f".partial-{name}.npy").open("wb") for name in maps}
        channels = {"normalmap": 3, "frames": lights}
        self.shapes = {name: (channels.get(name, 1), size, size) for name in maps}
        for name, file in self.files.items():
            _write_header(file, (0, *self.shapes[name]))

    def __enter__(self) -> _Packed:
        return self

    def add(self, crop: Crop) -> None:
        for name, file in self.files.items():
            file.write(np.ascontiguousarray(crop.planes[name]).tobytes())
        self.rows.append(crop.row)

    def __exit__(self, kind: object, *rest: object) -> None:
        for name, file in self.files.items():
            file.seek(0)
            _write_header(file, (len(self.rows), *self.shapes[name]))
            file.close()
        for name in self.files:
            partial_path = self.out / f".partial-{name}.npy"
            if kind is None:
                partial_path.replace(self.out / f"{name}.npy")
            else:
                partial_path.unlink()
        if kind is None:
            for name in set(MAPS) - set(self.files):  # the last run's, of captures of many lights
                (self.out / f"{name}.npy").unlink(missing_ok=True)
            with replacing(self.out / "faces.parquet") as path:
                pd.DataFrame(self.rows).to_parquet(path, index=False)


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    # NumPy pads the header for the first axis to grow, so it can be written again in place.
    header = {"descr": "<f2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
