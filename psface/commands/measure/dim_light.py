"""Captures in which people of darker skin get little light, and the model that psface ships."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from psface.captures.capture import Pixels
from psface.commands.measure.attack_errors import code_of
from psface.commands.measure.group_errors import SEED, group_errors
from psface.commands.measure.resumed import resumed
from psface.commands.pretrain.varied_crops import Population
from psface.errors import UserError
from psface.measures.failures import Attempts
from psface.recognise.preprocessing import crop_pixels
from psface.recognise.recogniser import Recogniser
from psface.simulate.recording import record_session
from psface.simulate.sensor import WHITE, digitised, noisy
from psface.simulate.state import draw_person

SKINS = ("dark", "light")
Item = tuple[int, int, float]  # person, capture, share of the light


def dim_tables(
    population: Population, people: int, light: float, index: Path
) -> dict[str, pd.DataFrame]:
    """The groups' errors where the darker half of the people get a share of the light, and where
    all get all of it; ``index`` keeps what was found (`resumed`)."""
    skins = np.array([_skin(population, number) for number in range(people)])
    dark = skins < np.median(skins)
    lights = {"yes": np.where(dark, light, 1.0), "no": np.ones(people)}
    sessions = range(population.simulate.sessions)
    taken = {
        planted: [(n, session, float(of[n])) for n in range(people) for session in sessions]
        for planted, of in lights.items()
    }
    items = list(dict.fromkeys(item for of in taken.values() for item in of))
    card = _recogniser().card
    code = code_of(
        card.crop, card.stereo, "psface.recognise.recogniser", "psface.simulate.recording"
    )
    depends_on = [population.digest, f"{SEED}", card.digest, code]
    found = resumed(partial(_embedded, population), items, index, depends_on, "captures")
    vectors = dict(zip(items, found, strict=True))
    labels = np.where(dark, *SKINS)
    return {planted: _table(of, vectors, labels) for planted, of in taken.items()}


def _skin(population: Population, number: int) -> float:
    """The albedo of a person's skin."""
    params = population.simulate
    person = draw_person(SEED, number, params.identity_variance, params.fine_detail)
    return person.face.complexion.skin


def _table(
    items: list[Item], vectors: dict[Item, list[float] | None], labels: np.ndarray
) -> pd.DataFrame:
    """Errors of those captures of which there is a vector, and failures of the others."""
    seen = [item for item in items if vectors[item] is not None]
    people = sorted({number for number, *_ in seen})
    captures = pd.DataFrame({
        "identity": [f"{number:05}" for number, *_ in seen],
        "session": [f"{session}" for _, session, _ in seen],
        "skin": labels[[number for number, *_ in seen]],
    })  # fmt: skip
    place = {number: at for at, number in enumerate(people)}
    tried = [item for item in items if item[0] in place]
    step = np.array(["" if vectors[item] is not None else "crop" for item in tried])
    owner = np.array([place[number] for number, *_ in tried])
    group = np.array([SKINS.index(labels[number]) for number, *_ in tried])
    attempts = Attempts(
        owner, len(people), step, {"skin": group}, len(labels) - len(people), len(labels)
    )
    return group_errors(
        np.array([vectors[item] for item in seen]), captures, "skin", SKINS, attempts
    )


def _embedded(population: Population, item: Item) -> list[float] | None:
    """The vector of a capture, or None if it cannot be used."""
    number, session, light = item
    try:
        recording, _, _ = record_session(population.simulate, SEED, number, session)
    except ValueError:  # traits that no head can have together
        return None
    assert recording.lights is not None
    frames = dimmed(recording.frames, light, population.simulate.noise, (number, session))
    recogniser = _recogniser()
    try:
        crop = crop_pixels(Pixels(frames, None, recording.lights, None), recogniser.card)
    except UserError:
        return None
    return None if crop is None else recogniser.embed([crop]).identity[0].tolist()


def dimmed(frames: np.ndarray, light: float, noise: float, key: tuple[int, ...]) -> np.ndarray:
    """Frames (n, H, W) uint8 as taken with a share of the light, in [0, 1]: the scene gets darker,
    but not the sensor's noise (a standard deviation in grey levels), nor its steps."""
    if light == 1:
        return frames.astype(np.float32) / WHITE
    rng = np.random.default_rng([SEED, *key])
    darker = noisy(frames * np.float32(light), noise, rng)
    return digitised(darker, "linear").astype(np.float32) / WHITE


@lru_cache(maxsize=1)
def _recogniser() -> Recogniser:
    return Recogniser()
