"""crop: find the face of each session and cut all its maps alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from stages.alignment import crop_image, similarity
from stages.crop.alignment import crop_maps, face_oval
from stages.crop.detection import find_face
from stages.crop.packing import Crop, Form, Packed, Previous
from stages.crop.picture import draw_faces
from stages.errors import UserError
from stages.files import code_digest, digest_of, replacing
from stages.images import decode, read_bytes, rgb
from stages.maps import Maps, read_maps, read_notes
from stages.parallel import map_sessions
from stages.params import CropParams, Map
from stages.session import Refusal, Session, read_sessions, write_refusals
from stages.stereo import map_path
from stages.stereo.maps import read_frames
from stages.stereo.registration import align

BRIGHTNESS = 0.45  # of a picture's range


def crop(
    params: CropParams, sessions_path: Path, stereo: Path, out: Path, picture: Path
) -> tuple[int, int, int]:
    """Write ``out/<map>.npy`` (N, C, size, size) float16, ``faces.parquet`` and ``failures.csv``.

    Row i of the table is entry i of each array. ``frames`` has as many channels as the session of
    the fewest lights has frames, in the order of their lights about the axis; ``raw`` has three,
    RGB, with ``params.colour``. Of pictures, which have no lights, there is ``raw`` alone. Crops
    whose maps, frames and parameters have not changed are taken over from the last run.
    ``picture`` shows some faces, evenly spread.

    Returns
    -------
    made, kept, failed : int

    Raises
    ------
    UserError
        If there is no face in any session.
    """
    stages = Path(__file__).parents[1]
    code = code_digest(stages / "crop") + code_digest(stages / "detect")
    if params.detector_weights:
        code += hashlib.sha256(read_bytes(Path(params.detector_weights))).hexdigest()

    def marked() -> Iterator[tuple[Session, str]]:
        for session in read_sessions(sessions_path):
            yield session, _fingerprint(session, stereo, params, code)

    # The table is read again for each pass: of millions of pictures it need not fit in memory.
    form = _form(read_sessions(sessions_path), params)
    before = Previous(out, form)
    kept = [mark in before.index for _, mark in marked()]
    todo = len(kept) - sum(kept)
    work: Callable[[Session], Crop | Refusal] = partial(
        _crop_session, stereo=stereo, params=params, channels=form.channels
    )
    new = (session for session, mark in marked() if mark not in before.index)
    made = map_sessions(work, new, "crop", todo)

    failures: list[Refusal] = []
    with Packed(out, form) as packed:
        for session, mark in marked():
            result = before.get(mark) if mark in before.index else next(made)
            if result is None:  # damaged, or another run's
                result, todo = work(session), todo + 1
            if isinstance(result, Refusal):
                failures.append(result)
                continue
            own = {"identity": session.identity, "session": session.session, "fingerprint": mark}
            packed.add(result.planes, {**session.attributes, **own, **result.found})
        list(made)  # let the pool close and the bar finish
        write_refusals(out / "failures.csv", failures)
        if not packed.count:
            raise UserError(
                f"crop: no face in any of {len(kept)} sessions; check the frames, or set "
                "crop.padding (tight crops) or crop.min_face_size (params.yaml)"
            )
    with replacing(picture) as path:
        draw_faces(out, path)
    return todo - len(failures), len(kept) - todo, len(failures)


def cut_face(
    landmarks: np.ndarray,
    frames: np.ndarray,
    colours: np.ndarray | None,
    lights: np.ndarray,
    maps: Maps | None,
    params: CropParams,
) -> dict[Map, np.ndarray]:
    """All crops of one face.

    Parameters
    ----------
    landmarks : (5, 2)
        In pixels of frame 0.
    frames : (n, H, W) float32 in [0, 1]
        Registered.
    colours : (H, W, 3) float32 in [0, 1] or None
        Frame 0 in RGB, for a ``raw`` of three channels.
    lights : (n, 3)
        Of the frames; of a picture, (0, 3).
    maps : Maps or None
        Of a session that has them.

    Returns
    -------
    dict of str to (C, size, size) float16
        By map. ``frames`` are in the order of their lights about the axis.
    """
    matrix = similarity(landmarks, params.size)
    kept = face_oval(params.size) if params.oval else np.ones((params.size,) * 2, bool)
    pictures = np.stack([crop_image(frame, matrix, params.size) * kept for frame in frames])
    planes: dict[Map, np.ndarray] = {"raw": pictures[:1]}
    if colours is not None:
        planes["raw"] = np.moveaxis(crop_image(colours, matrix, params.size), -1, 0) * kept
    if params.even_exposure:
        planes["raw"] = _evenly_exposed(planes["raw"], kept)
        pictures = np.stack([_evenly_exposed(picture, kept) for picture in pictures])
    if maps is not None:
        cut = crop_maps(maps, matrix, kept)
        around = np.argsort(np.arctan2(lights[:, 1], lights[:, 0]), kind="stable")
        planes |= {
            "albedo": cut.albedo[None],
            "normalmap": cut.normal,
            "depthmap": cut.depth[None],
            "frames": pictures[around],
        }
    return {name: plane.astype(np.float16) for name, plane in planes.items()}


def _evenly_exposed(picture: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """A crop (..., size, size) scaled to the mean `BRIGHTNESS` where ``kept``: pictures of one face
    by two cameras are lit and exposed as it happens."""
    return picture * (BRIGHTNESS / max(float(picture[..., kept].mean()), 1e-3))


def read_colours(session: Session, params: CropParams) -> np.ndarray | None:
    """Frame 0 in RGB, (H, W, 3) float32 in [0, 1], if it is wanted."""
    path = Path(session.frames[0])
    return rgb(decode(read_bytes(path), path, session.bits, None)) if params.colour else None


def _crop_session(
    session: Session, stereo: Path, params: CropParams, channels: dict[Map, int]
) -> Crop | Refusal:
    maps = None
    try:
        frames, colours = read_frames(session), read_colours(session, params)
        if not session.is_picture:
            maps = read_maps(map_path(stereo, session))
            frames = align(frames, np.array(json.loads(maps.notes["shifts"])))
    except UserError as error:
        return Refusal(session.identity, session.session, str(error))
    found = find_face(frames, None if maps is None else maps.albedo, session.landmarks, params)
    if found is None:
        return Refusal(session.identity, session.session, f"{session.frames[0]}: no face found")
    planes = cut_face(found.landmarks, frames, colours, session.lights, maps, params)
    told = {
        "found_on": found.image,
        "score": found.score,
        "landmarks": found.landmarks.astype(float).ravel().tolist(),
    }
    return Crop({name: planes[name][:count] for name, count in channels.items()}, told)


def _form(sessions: Iterator[Session], params: CropParams) -> Form:
    pictures, lights, attributes = False, 0, set[str]()
    for session in sessions:
        pictures |= session.is_picture
        lights = min(lights or len(session.frames), len(session.frames))
        attributes |= session.attributes.keys()
    channels: dict[Map, int] = {"raw": 3 if params.colour else 1}
    if not pictures:
        channels |= {"albedo": 1, "normalmap": 3, "depthmap": 1, "frames": lights}
    return Form(params.size, channels, tuple(sorted(attributes)))


def _fingerprint(session: Session, stereo: Path, params: CropParams, code: str) -> str:
    maps = (
        "" if session.is_picture else read_notes(map_path(stereo, session)).get("fingerprint", "")
    )
    given = "" if session.landmarks is None else session.landmarks.tobytes().hex()
    return digest_of(session.name, session.digest, maps, given, params.model_dump_json(), code)
