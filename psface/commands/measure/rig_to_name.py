"""``psface measure rig-to-name``: how long it takes from the frames on disk to a name."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import click
import numpy as np

from psface.captures.discovery import read_capture_at
from psface.commands.arguments import model_option
from psface.commands.measure.turns import one_core
from psface.config import Seed, Selection, load
from psface.errors import UserError
from psface.faces.cropping import crop_at, registered
from psface.faces.locate import find_face
from psface.recognise.gallery import Gallery, build_gallery, write_gallery
from psface.recognise.matching import identify
from psface.recognise.preprocessing import checked_pixels, no_face
from psface.recognise.recogniser import Recogniser
from psface.rig.rig import write_rig
from psface.running import PATH
from psface.search import nearest
from psface.simulate.recording import simulate_session
from psface.simulate.simulate_params import SimulateParams
from psface.simulate.true_rig import draw_rig
from psface.stereo.compute import compute_maps
from psface.vectors import unit

FAR = 0.1
STARTS = 3  # of the command

Times = dict[str, list[tuple[float, float]]]  # seconds of processor time, and by the clock


class Sections(Selection):
    seed: Seed
    simulate: SimulateParams


@click.command(epilog="Example: psface measure rig-to-name captures/anna/monday")
@click.argument("captures", nargs=-1, type=PATH, metavar="[CAPTURE]...")
@model_option
@click.option(
    "--people", type=click.IntRange(2), default=1000, show_default=True, help="In the gallery."
)
@click.option("--rounds", type=click.IntRange(1), default=9, show_default=True)
def rig_to_name(captures: tuple[Path, ...], model: Path, people: int, rounds: int) -> None:
    """Time each part of naming CAPTURE: by default, one that is simulated by params.yaml.

    On one thread, with the model and a random gallery loaded; and once more as a command that has
    to start first. Exit status: 0; 1 for captures that cannot be used; 2 for wrong arguments.
    """
    recogniser = Recogniser(model)
    gallery = _gallery(recogniser, people)
    with tempfile.TemporaryDirectory() as name, one_core():
        folder = Path(name)
        write_gallery(folder / "gallery.safetensors", gallery)
        for path in captures or [_simulated(folder)]:
            times = named(recogniser, gallery, path, rounds)
            times["the command, from its start"] = list(_started(model, folder, path))
            print(f"{path}, {people} people: ms of processor time and by the clock, medians")
            for part, spent in times.items():
                cpu, clock = (1000 * median(column) for column in zip(*spent, strict=True))
                print(f"  {part:28}{cpu:8.1f}{clock:9.1f}")


def _gallery(recogniser: Recogniser, people: int) -> Gallery:
    card = recogniser.card
    blank = np.zeros((sum(card.channels), card.side, card.side))
    length = recogniser.embed_stored([blank]).identity.shape[1]
    embeddings = np.random.default_rng(0).normal(size=(people, length)).astype(np.float32)
    names = np.array([f"person {number}" for number in range(people)])
    return build_gallery(names, embeddings, None, recogniser.digest)


def _simulated(folder: Path) -> Path:
    params = load(Sections)
    if not params.simulate.rig.ideal:
        write_rig(folder / "rig.json", draw_rig(params.simulate, params.seed).file())
    return simulate_session(params.simulate, params.seed, folder, (0, 0))


def named(recogniser: Recogniser, gallery: Gallery, path: Path, rounds: int) -> Times:
    """The time of each part, and of all as `psface.recognise.matching.identify` does it."""
    times: Times = {}
    for turn in range(rounds + 1):
        spent: Times = {}
        _by_parts(recogniser, gallery, path, spent)
        with _timed(spent, "all"):
            list(identify(recogniser, gallery, [path], FAR))
        for part, values in spent.items() if turn else ():  # the first is a warm-up
            times.setdefault(part, []).extend(values)
    return times


@contextmanager
def _timed(times: Times, part: str) -> Iterator[None]:
    cpu, clock = time.process_time(), time.perf_counter()
    yield
    spent = time.process_time() - cpu, time.perf_counter() - clock
    times.setdefault(part, []).append(spent)


def _by_parts(recogniser: Recogniser, gallery: Gallery, path: Path, times: Times) -> None:
    card, maps = recogniser.card, None
    with _timed(times, "find the capture"):
        capture = read_capture_at(path)
    with _timed(times, "read and check its frames"):
        pixels = checked_pixels(capture, card)
    with _timed(times, "stereo"):
        if len(pixels.lights):
            maps = compute_maps(pixels, card.stereo)
    with _timed(times, "find the face"):
        if maps is not None and maps.shifts is not None:
            pixels = registered(pixels, maps.shifts)
        albedo = None if maps is None else maps.albedo
        found = find_face(pixels.visible, albedo, pixels.landmarks, card.crop)
        if found is None:
            raise UserError(no_face(path, card))
    with _timed(times, "crop, check the lamps"):
        crop = crop_at(*found, pixels, maps, card.crop)
    with _timed(times, "embed, with its mirror image"):
        embedded = recogniser.embed([crop]).identity
    with _timed(times, "search"):
        nearest(unit(embedded), gallery.means, 5)


def _started(model: Path, folder: Path, path: Path) -> Iterator[tuple[float, float]]:
    words = ["identify", path, "--model", model, "--gallery", folder / "gallery.safetensors"]
    command = [sys.executable, "-m", "psface", *map(str, words), "--out", str(folder / "out")]
    for _ in range(STARTS):
        before, clock = children_seconds(), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        yield children_seconds() - before, time.perf_counter() - clock


def children_seconds() -> float:
    """Seconds of processor time of the processes that were started here and have ended."""
    spent = os.times()
    return spent.children_user + spent.children_system
