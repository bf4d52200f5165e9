"""``psface measure rivals``: time our MTCNN against other implementations, in turns.

The others are the ``mtcnn`` package on TensorFlow and facenet-pytorch, if installed
(``pip install tensorflow-cpu==2.21.0``, ``pip install --no-deps facenet-pytorch==2.6.0``). Prints
the ratios, and what our time is spent on.
"""

from __future__ import annotations

import cProfile
import importlib
import os
import pstats
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import click
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from psface.captures.media import read_picture
from psface.commands.measure.turns import one_core, seconds_in_turns
from psface.commands.scenes.scene_set import render_scene
from psface.commands.scenes.scenes_command import Sections
from psface.config import load
from psface.detect.mtcnn.cascade import MTCNN
from psface.running import PATH

WIDTH, HEIGHT = 584, 780
MIN_FACE_SIZE = 20  # the default of them all
BATCH = 8
SCENE = 8  # has three faces
# What our time is spent on: the module and function of `psface.detect.mtcnn`.
PARTS = {
    "pyramid": ("proposals", "level"),
    "P-Net": ("proposals", "_strip"),
    "windows": ("windows", "cut"),
    "R-Net and O-Net": ("networks", "forward"),
    "suppression": ("boxes", "suppress"),
}


@click.command(epilog="Example: psface measure rivals group.jpg --rounds 12")
@click.argument("picture", type=PATH, required=False)
@click.option("--rounds", type=click.IntRange(1), default=12, show_default=True)
def rivals(picture: Path | None, rounds: int) -> None:
    """Time our MTCNN and other implementations in turns, on PICTURE or a simulated scene.

    Exit status: 0; 1 if the picture cannot be read; 2 for wrong arguments.
    """
    image = _picture(picture)
    detectors = {"psface": MTCNN(MIN_FACE_SIZE).detect, **_rivals()}
    times = _in_turns(detectors, image, rounds)
    print(f"{image.shape[1]}x{image.shape[0]}, faces from {MIN_FACE_SIZE} px, ms per image")
    print(f"{'':18}{'alone':>8}{'ratio':>8}{f'{BATCH} at once':>12}{'ratio':>8}")
    for name in detectors:
        print(f"{name:18}", end="")
        for count, width in ((1, 8), (BATCH, 12)):
            theirs, ours = times[name, count], times["psface", count]
            ratio = median(a / b for a, b in zip(theirs, ours, strict=True))
            print(f"{1000 * median(theirs):{width}.1f}{ratio:8.2f}", end="")
        print()
    _account(image)


def _picture(path: Path | None) -> np.ndarray:
    if path is not None:
        return np.ascontiguousarray(read_picture(path))
    scenes = load(Sections).scenes.model_copy(update={"width": WIDTH, "height": HEIGHT})
    return render_scene(scenes, 0, SCENE)[0]


def _rivals() -> dict[str, Callable[[list[np.ndarray]], object]]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    out: dict[str, Callable[[list[np.ndarray]], object]] = {}
    try:
        package = importlib.import_module("mtcnn").MTCNN()
        out["mtcnn package"] = package.detect_faces
    except ImportError as error:
        print(f"mtcnn package: left out ({error})")
    try:
        facenet = importlib.import_module("facenet_pytorch").MTCNN(keep_all=True)
        out["facenet-pytorch"] = lambda images: facenet.detect(np.stack(images))
    except (ImportError, RuntimeError) as error:
        print(f"facenet-pytorch: left out ({error})")
    return out


def _in_turns(
    detectors: dict[str, Callable[[list[np.ndarray]], object]], image: np.ndarray, rounds: int
) -> dict[tuple[str, int], list[float]]:
    """Seconds per image of each detector in each round, alone and with `BATCH` at once."""
    turns = {
        (name, count): partial(detect, [image] * count)
        for name, detect in detectors.items()
        for count in (1, BATCH)
    }
    times = seconds_in_turns(turns, rounds, "rivals")
    return {key: [seconds / key[1] for seconds in spent] for key, spent in times.items()}


def _account(image: np.ndarray) -> None:
    """Print the time of one image on one thread, and that of its multiplications alone."""
    with one_core():  # in this thread, which the profiler and the counter can see
        detector = MTCNN(MIN_FACE_SIZE)
        detector.detect([image])
        repeats = 5
        with cProfile.Profile() as profile:
            for _ in range(repeats):
                detector.detect([image])
        with FlopCounterMode(display=False) as counter:
            detector.detect([image])
        operations = counter.get_total_flops()
        ideal = operations / _speed()
    functions = pstats.Stats(profile)
    cumulative = {
        (Path(file).stem, name): row[3]
        for (file, _, name), row in functions.stats.items()  # type: ignore[attr-defined]
    }
    total = functions.total_tt / repeats  # type: ignore[attr-defined]
    spent = {part: cumulative.get(key, 0.0) / repeats for part, key in PARTS.items()}
    print(f"one thread: {1000 * total:.1f} ms, of which")
    for part, seconds in spent.items():
        print(f"  {part:16}{1000 * seconds:6.1f} ms")
    print(
        f"its {operations / 1e9:.2f} G floating point operations take {1000 * ideal:.1f} ms at the "
        "speed of a large matrix product"
    )


def _speed() -> float:
    """Floating point operations per second in a matrix product."""
    side, times = 1024, []
    a = torch.rand(side, side)
    for _ in range(10):
        start = time.perf_counter()
        torch.mm(a, a)
        times.append(time.perf_counter() - start)
    return 2 * side**3 / median(times)
