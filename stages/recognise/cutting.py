"""From captures and pictures to crops as a model's card wants them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stages.crop import cut_face, read_colours
from stages.crop.detection import find_face, find_faces
from stages.detect import Face
from stages.errors import UserError
from stages.images import grey, rgb
from stages.ingest.checks import check_frames
from stages.params import CropParams, Map
from stages.session import Session
from stages.stereo.maps import compute_maps, read_frames
from stages.stereo.registration import align
from stages.train.model import Card

NO_LIGHTS = np.empty((0, 3))


@dataclass(frozen=True)
class Frames:
    """A capture as arrays.

    Attributes
    ----------
    grey : (n, H, W) float32 in [0, 1]
    colours : (H, W, 3) float32 in [0, 1] or None
        Frame 0 in RGB, for a model that wants it.
    lights : (n, 3)
        (0, 3) of a picture.
    landmarks : (5, 2) or None
        That the capture came with.
    """

    grey: np.ndarray
    colours: np.ndarray | None
    lights: np.ndarray
    landmarks: np.ndarray | None


@dataclass(frozen=True)
class Cut:
    """A face as the network takes it.

    Attributes
    ----------
    face : Face
        Where it is, in pixels of the picture or of frame 0.
    values : (C, S, S) float16
        The aligned crop's stored values, channels in the order of the model's maps.
    """

    face: Face
    values: np.ndarray


def cut_session(session: Session, card: Card) -> Cut:
    """The face of a capture, or of a picture: the one that is nearest to the centre.

    Raises
    ------
    UserError
        If it cannot be used; the message says why.
    """
    cut = cut_frames(load(session, card), card)
    if cut is None:
        raise UserError(no_face(session.frames[0], card))
    return cut


def load(session: Session, card: Card) -> Frames:
    """The frames of a capture or a picture.

    Raises
    ------
    UserError
        If the model cannot do with it; the message says why.
    """
    check_kind(session, card)
    check_frames(session, card.limits)
    session = replace(session, bits=card.limits.bits)
    colours = read_colours(session, card.crop)
    return Frames(read_frames(session), colours, session.lights, session.landmarks)


def cut_frames(capture: Frames, card: Card) -> Cut | None:
    """The face of a capture, or of a picture; None where none is found."""
    frames, maps = capture.grey, None
    if len(capture.lights):
        maps, shifts = compute_maps(frames, capture.lights, card.stereo)
        frames = align(frames, shifts)
    albedo = None if maps is None else maps.albedo
    found = find_face(frames, albedo, capture.landmarks, card.crop)
    if found is None:
        return None
    planes = cut_face(found.landmarks, frames, capture.colours, capture.lights, maps, card.crop)
    return Cut(Face(found.box, found.score, found.landmarks), _stacked(planes, card))


def cut_picture(image: np.ndarray, card: Card) -> list[Cut]:
    """All faces of a picture (H, W) or (H, W, 3), grey or RGB, uint8 or uint16; the surest first.

    The model must be one for pictures: see `check_kind`.
    """
    picture = picture_frames(image, card.crop)
    return [cut_at(picture, face, card) for face in find_faces(picture.grey[0], card.crop)]


def cut_at(picture: Frames, face: Face, card: Card) -> Cut:
    """A face that is known already, with its landmarks."""
    assert face.landmarks is not None
    planes = cut_face(face.landmarks, picture.grey, picture.colours, NO_LIGHTS, None, card.crop)
    return Cut(face, _stacked(planes, card))


def picture_frames(image: np.ndarray, params: CropParams) -> Frames:
    """A picture (H, W) or (H, W, 3), grey or RGB, uint8 or uint16, as a capture of one frame."""
    return Frames(grey(image)[None], rgb(image) if params.colour else None, NO_LIGHTS, None)


def place_of(session: Session) -> Path:
    """What a session is called in tables: a picture's file; the folder of a capture, and its name
    where several lie in one folder."""
    first = Path(session.frames[0])
    if session.is_picture:
        return first
    return first.parent if first.parent.name == session.session else first.parent / session.session


def picture_session(identity: str, path: Path) -> Session:
    """A picture's file as a session of one frame."""
    return Session(identity, path.name, (str(path),), NO_LIGHTS)


def check_kind(session: Session, card: Card) -> None:
    """Whether a model can do with such a session.

    Raises
    ------
    UserError
        If it needs captures under several lights, or more frames; the message says so.
    """
    if session.is_picture and card.maps != ["raw"]:
        raise UserError(
            f"{session.frames[0]}: one picture; the model (modality {card.modality}) needs "
            "captures under three lights or more"
        )
    wanted = dict(zip(card.maps, card.channels, strict=True)).get("frames", 0)
    if len(session.frames) < wanted:
        raise UserError(
            f"{session.frames[0]}: {len(session.frames)} frames; the model (modality "
            f"{card.modality}) needs {wanted}"
        )


def no_face(path: Path | str, card: Card) -> str:
    """What to say of a picture without a face."""
    if card.crop.detector == "aligned":
        return f"{path}: not square, as aligned crops are (crop.detector of the model's card)"
    smallest = card.crop.min_face_size
    return f"{path}: no face of {smallest} px or more (crop.min_face_size of the model's card)"


def _stacked(planes: dict[Map, np.ndarray], card: Card) -> np.ndarray:
    channels = zip(card.maps, card.channels, strict=True)
    return np.concatenate([planes[name][:count] for name, count in channels])
