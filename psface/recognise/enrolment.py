"""Build a gallery from a folder of people."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from psface.captures.capture import Capture, Refusal, refused
from psface.captures.discovery import people_in
from psface.errors import UserError
from psface.faces.cropping import Crop
from psface.model.card import Card
from psface.parallel import map_in_processes
from psface.recognise.gallery import Gallery, build_gallery
from psface.recognise.preprocessing import crop_for
from psface.recognise.recogniser import Recogniser
from psface.rig.rig import Rig


def enrol(
    recogniser: Recogniser, root: Path, strangers: Path | None = None, rig: Rig | None = None
) -> tuple[Gallery, list[Refusal]]:
    """Build a gallery from folders ``<root>/<person>/`` of captures and pictures.

    Parameters
    ----------
    root : Path
        A ``manifest.csv`` in it names the people instead; a ``Photometric_DB`` in it is taken as
        the root.
    strangers : Path, optional
        A folder like ``root`` of people who are not enrolled, to calibrate the threshold; without
        it, the enrolled people serve as each other's strangers.
    rig : Rig, optional
        That took the captures without a rig file (`psface.captures.discovery.find_captures`).

    Returns
    -------
    Gallery
    list of Refusal
        Unusable captures.

    Raises
    ------
    UserError
        If there is nobody to enrol, or a person is in both folders.
    """
    if strangers is not None:  # fail before any work
        enrolled = {capture.identity for capture in people_in(root, rig)} - {""}
        for stranger in people_in(strangers, rig):
            if stranger.identity in enrolled:
                raise UserError(
                    f"{strangers}: {stranger.identity} is enrolled too; give other people"
                )
    names, embeddings, refusals = embed_people(recogniser, root, "enrol", rig)
    if not len(names):
        first = f"; first refusal: {refusals[0].reason}" if refusals else ""
        raise UserError(
            f"{root}: nobody to enrol; give it a folder per person, with captures or pictures in "
            f"it{first}"
        )
    others = None
    if strangers is not None:
        who, faces, refused = embed_people(recogniser, strangers, "strangers", rig)
        refusals += refused
        if not len(who):
            raise UserError(f"{strangers}: no capture or picture in it that the model can use")
        others = who, faces
    return build_gallery(names, embeddings, others, recogniser.digest), refusals


def embed_people(
    recogniser: Recogniser, root: Path, description: str, rig: Rig | None = None
) -> tuple[np.ndarray, np.ndarray, list[Refusal]]:
    """Embed a folder of people: (N,) names, (N, D) embeddings, and what cannot be used.

    Raises
    ------
    UserError
        If the folder does not exist.
    """
    names: list[str] = []
    refusals: list[Refusal] = []
    total = sum(1 for _ in people_in(root, rig))
    work = partial(_crop, card=recogniser.card)

    def crops() -> Iterator[Crop]:
        for result in map_in_processes(work, people_in(root, rig), description, total):
            if isinstance(result, Refusal):
                refusals.append(result)
            else:
                name, crop = result
                names.append(name)
                yield crop

    stream = crops()
    first = next(stream, None)
    if first is None:
        return np.empty(0, str), np.empty((0, 0), np.float32), refusals
    embeddings = recogniser.embed(chain([first], stream)).identity
    return np.array(names), embeddings, refusals


def _crop(capture: Capture | Refusal, card: Card) -> tuple[str, Crop] | Refusal:
    if isinstance(capture, Refusal):
        return capture
    try:
        return capture.identity, crop_for(capture, card)
    except UserError as error:
        return refused(capture, error)
