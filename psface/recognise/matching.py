"""Identify the people of a gallery in captures, pictures and video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from psface.captures.capture import Capture, Refusal, picture, refused
from psface.captures.decoding import decode
from psface.captures.discovery import find_captures
from psface.captures.images import rgb, to_uint8
from psface.captures.media import Picture, Unreadable, is_video, read_media
from psface.detect.face import Face
from psface.errors import UserError
from psface.faces.cropping import Crop
from psface.liveness.verdict import Liveness, liveness
from psface.model.card import Card
from psface.recognise.gallery import Gallery
from psface.recognise.preprocessing import check_kind, crop_and_doubts, crops_on, no_face
from psface.recognise.recogniser import Recogniser
from psface.rig.rig import Rig
from psface.search import nearest
from psface.stereo.trust.trust_warning import TrustWarning
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
    live : Liveness
        What the lamps show of the face.
    """

    face: Face
    names: list[str]
    cosines: np.ndarray
    known: bool
    quality: float
    live: Liveness


@dataclass(frozen=True)
class Seen:
    """One capture, picture or video frame, and the faces in it.

    Attributes
    ----------
    picture : Picture
        For a capture, its folder and frame 0.
    matches : list of Match
    doubts : list of TrustWarning
        What the checks found wrong with a capture's frames and lights.
    """

    picture: Picture
    matches: list[Match]
    doubts: list[TrustWarning] = field(default_factory=list)


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
    yield from matched(recogniser, gallery, find_captures(paths, without, rig=rig), far, count)


def matched(
    recogniser: Recogniser,
    gallery: Gallery,
    items: Iterable[Capture | Refusal | Path],
    far: float,
    count: int = 5,
) -> Iterator[Seen | Refusal]:
    """As `identify`, on what `find_captures` or `psface.recognise.arrivals.arrivals` yields."""
    threshold = gallery.threshold(far)
    for item in _looked_at(items, recogniser.card):
        if isinstance(item, Refusal):
            yield item
            continue
        seen, crops, doubts = item
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
                    liveness(crop),
                )
                for i, crop in enumerate(crops)
            ]
        yield Seen(seen, matches, doubts)


def _looked_at(
    items: Iterable[Capture | Refusal | Path], card: Card
) -> Iterator[tuple[Picture, list[Crop], list[TrustWarning]] | Refusal]:
    for item in items:
        if isinstance(item, Refusal):
            yield item
        elif isinstance(item, Capture):
            yield _capture(item, card)
        else:
            for seen in _media(item, card):
                yield seen if isinstance(seen, Refusal) else (*seen, [])


def _capture(
    capture: Capture, card: Card
) -> tuple[Picture, list[Crop], list[TrustWarning]] | Refusal:
    try:
        crop, doubts = crop_and_doubts(capture, card)
        path = Path(capture.frames[0])
        first = decode(capture.encoded(0), path, card.limits.bits, white=capture.white)
    except UserError as error:
        return refused(capture, error)
    drawn = Picture(capture.place, None, to_uint8(rgb(first, capture.white)))
    return drawn, [crop], doubts


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
