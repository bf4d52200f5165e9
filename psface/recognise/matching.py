"""Identify the people of a gallery in captures, pictures and video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psface.captures.capture import Capture, Refusal, picture
from psface.captures.decoding import decode
from psface.captures.discovery import find_captures
from psface.captures.images import rgb, to_uint8
from psface.captures.media import Picture, Unreadable, is_video, read_media
from psface.detect.face import Face
from psface.errors import UserError
from psface.faces.cropping import Crop
from psface.model.card import Card
from psface.recognise.gallery import Gallery
from psface.recognise.preprocessing import check_kind, crop_for, crops_on, no_face
from psface.recognise.recogniser import Recogniser
from psface.rig.rig import Rig
from psface.search import nearest
from psface.vectors import unit


@dataclass(frozen=True)
class Match:
    """The people of the gallery that a face is nearest to.

    Attributes
    ----------
    face : Face
    names : list of str
        The nearest people.
    cosines : (n,) float32
        Their similarities, in descending order.
    known : bool
        Whether the first is above the threshold.
    quality : float
        Length of the embedding.
    """

    face: Face
    names: list[str]
    cosines: np.ndarray
    known: bool
    quality: float


@dataclass(frozen=True)
class Seen:
    """One capture, picture or video frame, and the faces in it.

    Attributes
    ----------
    picture : Picture
        For a capture, its folder and frame 0.
    matches : list of Match
    """

    picture: Picture
    matches: list[Match]


def identify(
    recogniser: Recogniser,
    gallery: Gallery,
    paths: Iterable[Path],
    far: float,
    without: Sequence[Path] = (),
    count: int = 5,
    rig: Rig | None = None,
) -> Iterator[Seen | Refusal]:
    """Match all faces under some paths against the gallery.

    Parameters
    ----------
    far : float
        The false accept rate to promise: how often a stranger's face may be accepted as someone in
        the gallery. If the gallery cannot promise it (`Gallery.least_rate`), no face is known.
    without : sequence of Path
        Folders to leave out.
    count : int
        How many people to name for each face.
    rig : Rig, optional
        That took the captures without a rig file (`psface.captures.discovery.find_captures`).

    Yields
    ------
    Seen
        With one face or more; for video, also frames without faces.
    Refusal
        What could not be used, and why.

    Raises
    ------
    UserError
        If a path does not exist.
    """
    threshold = gallery.threshold(far)
    for item in _looked_at(paths, without, recogniser.card, rig):
        if isinstance(item, Refusal):
            yield item
            continue
        seen, crops = item
        matches: list[Match] = []
        if crops:
            embedded = recogniser.embed(crops).identity
            cosines, rows = nearest(unit(embedded), gallery.means, count)
            matches = [
                Match(
                    crop.face,
                    [gallery.names[row] for row in rows[i]],
                    cosines[i],
                    bool(cosines[i, 0] > threshold),
                    float(np.linalg.norm(embedded[i])),
                )
                for i, crop in enumerate(crops)
            ]
        yield Seen(seen, matches)


def _looked_at(
    paths: Iterable[Path], without: Sequence[Path], card: Card, rig: Rig | None
) -> Iterator[tuple[Picture, list[Crop]] | Refusal]:
    for item in find_captures(paths, without, rig=rig):
        if isinstance(item, Refusal):
            yield item
        elif isinstance(item, Capture):
            yield _capture(item, card)
        else:
            yield from _media(item, card)


def _capture(capture: Capture, card: Card) -> tuple[Picture, list[Crop]] | Refusal:
    try:
        crop = crop_for(capture, card)
        path = Path(capture.frames[0])
        first = decode(capture.encoded(0), path, card.limits.bits, white=capture.white)
    except UserError as error:
        return Refusal(capture.identity, capture.name, str(error))
    return Picture(capture.place, None, to_uint8(rgb(first, capture.white))), [crop]


def _media(path: Path, card: Card) -> Iterator[tuple[Picture, list[Crop]] | Refusal]:
    faces = 0
    try:
        check_kind(picture("", path), card)
        for item in read_media(path, card.limits.bits):
            if isinstance(item, Unreadable):
                raise UserError(f"{path}: {item.reason}")
            crops = crops_on(item.image, card)
            faces += len(crops)
            if crops or is_video(path):
                yield item, crops
        if not faces:
            raise UserError(no_face(path, card))
    except UserError as error:
        yield Refusal("", str(path), str(error))
