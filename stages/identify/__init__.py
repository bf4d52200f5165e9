"""identify: who is on captures, pictures and video, among the people of a gallery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.detect import Face
from stages.detect.media import Picture, Unreadable, is_video, read_media, read_picture
from stages.errors import UserError
from stages.identify.gallery import Gallery
from stages.identify.search import nearest
from stages.pairs import unit
from stages.recognise import Cut, Recogniser, cut_picture, cut_session
from stages.recognise.captures import find_captures
from stages.recognise.cutting import check_kind, no_face, picture_session, place_of
from stages.session import Refusal, Session
from stages.train.model import Card

TOP = 5


@dataclass(frozen=True)
class Match:
    """Whom a face is like.

    Attributes
    ----------
    face : Face
    names : list of str
        The people of the gallery who are most alike, at most `TOP`.
    cosines : (n,) float32
        How alike they are, falling.
    known : bool
        Whether the first is over the threshold.
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
    """One capture, picture or frame of a video, and the faces on it.

    Attributes
    ----------
    picture : Picture
        Of a capture, its folder and frame 0.
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
) -> Iterator[Seen | Refusal]:
    """The faces of everything under some paths, and whom they are like.

    Parameters
    ----------
    far : float
        The false accept rate that is promised: how often a face of a stranger may be taken for
        someone of the gallery. Where the gallery cannot promise it (`Gallery.least_rate`), no face
        is known.
    without : sequence of Path
        Folders that are left out.

    Yields
    ------
    Seen
        With a face or more; of a video, frames without faces, too.
    Refusal
        What could not be used, and why.

    Raises
    ------
    UserError
        If a path does not exist.
    """
    threshold = gallery.threshold(far)
    for item in _looked_at(paths, without, recogniser.card):
        if isinstance(item, Refusal):
            yield item
            continue
        picture, cuts = item
        matches: list[Match] = []
        if cuts:
            embedded = recogniser.embed(cut.values for cut in cuts).identity
            cosines, rows = nearest(unit(embedded), gallery.means, TOP)
            matches = [
                Match(
                    cut.face,
                    [gallery.names[row] for row in rows[i]],
                    cosines[i],
                    bool(cosines[i, 0] > threshold),
                    float(np.linalg.norm(embedded[i])),
                )
                for i, cut in enumerate(cuts)
            ]
        yield Seen(picture, matches)


def _looked_at(
    paths: Iterable[Path], without: Sequence[Path], card: Card
) -> Iterator[tuple[Picture, list[Cut]] | Refusal]:
    for item in find_captures(paths, without):
        if isinstance(item, Refusal):
            yield item
        elif isinstance(item, Session):
            yield _capture(item, card)
        else:
            yield from _media(item, card)


def _capture(session: Session, card: Card) -> tuple[Picture, list[Cut]] | Refusal:
    try:
        cut = cut_session(session, card)
    except UserError as error:
        return Refusal(session.identity, session.session, str(error))
    return Picture(
        place_of(session), None, read_picture(Path(session.frames[0]), card.limits.bits)
    ), [cut]


def _media(path: Path, card: Card) -> Iterator[tuple[Picture, list[Cut]] | Refusal]:
    faces = 0
    try:
        check_kind(picture_session("", path), card)
        for item in read_media(path, card.limits.bits):
            if isinstance(item, Unreadable):
                raise UserError(f"{path}: {item.reason}")
            cuts = cut_picture(item.image, card)
            faces += len(cuts)
            if cuts or is_video(path):
                yield item, cuts
        if not faces:
            raise UserError(no_face(path, card))
    except UserError as error:
        yield Refusal("", str(path), str(error))
