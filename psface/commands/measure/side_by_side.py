"""``psface measure all``: what psface's work takes beside other code, in one run.

The other code is the user's: what is not given is left out, and said to be.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import pandas as pd

from psface.commands.measure.pipeline_cost import tell_pipeline
from psface.commands.measure.rig_to_name import rig_to_name
from psface.commands.measure.stereo_cost import Sections, simulated_capture, stereo_cost
from psface.commands.measure.training_speed import training_speed
from psface.commands.measure.turns import one_core, seconds_in_turns
from psface.config import load
from psface.errors import UserError
from psface.measures.identification import rank_gallery
from psface.measures.scores import score_captures
from psface.measures.summary import recognition_metrics
from psface.running import PATH
from psface.stereo.normals import photometric_stereo

EACH = 5  # captures of a person
RIVALS = {
    "--rival": "git clone https://github.com/nkt780426/3d_face_recognition_magface",
    "--arcface": "git clone https://github.com/deepinsight/insightface: recognition/arcface_torch",
    "--normals": "git clone https://github.com/yasumat/RobustPhotometricStereo",
}


@click.command(epilog="Example: psface measure all --rival 3d_face_recognition_magface")
@click.option("--rival", type=PATH, help="a copy of the original study's code")
@click.option("--arcface", type=PATH, help="recognition/arcface_torch of insightface")
@click.option("--normals", type=PATH, help="a copy of RobustPhotometricStereo")
@click.option("--pipeline", type=PATH, help="a clone in which `dvc repro` has finished")
@click.option("--model", type=PATH, default=Path("models"), show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--captures", type=click.IntRange(10), multiple=True, help="[1000 and 5000]")
@click.option("--resamples", type=click.IntRange(1), default=500, show_default=True)
@click.option("--only", multiple=True, type=click.Choice(["training", "stereo", "naming", "pairs"]))
def side_by_side(
    rival: Path | None,
    arcface: Path | None,
    normals: Path | None,
    pipeline: Path | None,
    model: Path,
    rounds: int,
    captures: tuple[int, ...],
    resamples: int,
    only: tuple[str, ...],
) -> None:
    """Print what every part takes, and its ratio to other code where that is given.

    In processor time of one thread. Exit status: 0; 1 if other code cannot be loaded; 2 for wrong
    arguments.
    """
    given = {"--rival": rival, "--arcface": arcface, "--normals": normals}
    for option in (name for name, folder in given.items() if folder is None):
        print(f"{option}: left out ({RIVALS[option]})")

    def runs(part: str) -> bool:
        return not only or part in only

    if runs("training"):
        _called(training_speed, rival=rival, arcface=arcface, rounds=rounds)
    if runs("stereo"):
        _tell_normals(normals, rounds)
        _called(stereo_cost, rounds=rounds)
    if runs("naming"):
        if (model / "card.json").is_file():
            _called(rig_to_name, model=model, rounds=rounds)
        else:
            print(f"crop and embedding: left out ({model} has no model; `dvc repro` makes one)")
    if pipeline is not None:
        tell_pipeline(pipeline)
    for count in (captures or (1000, 5000)) if runs("pairs") else ():
        with one_core():
            start = time.process_time()
            evaluated(count, resamples)
            spent = time.process_time() - start
        print(f"evaluate: pairs of {count} captures, {resamples} resamples: {spent:.1f} s")


def _called(command: click.Command, **options: Any) -> None:
    """Run another measurement with these options, and its defaults."""
    click.Context(command).invoke(command, **options)


def evaluated(captures: int, resamples: int) -> dict[str, float | int | None]:
    """The figures of random embeddings of that many captures."""
    rng = np.random.default_rng(0)
    number = np.arange(captures)
    centres = rng.normal(size=(captures // EACH + 1, 64))
    embeddings = centres[number // EACH] + rng.normal(size=(captures, 64))
    names = (number // EACH).astype(str)
    table = pd.DataFrame({"identity": names, "session": number.astype(str)})
    scores = score_captures(embeddings, table, number % EACH == 0, {}, 20_000_000, 0)
    return recognition_metrics(scores, rank_gallery(scores), resamples, 0)


def _tell_normals(folder: Path | None, rounds: int) -> None:
    """Compare normals and albedo with RobustPhotometricStereo's normals by least squares."""
    pixels = simulated_capture(load(Sections), 1000, 0)
    turns: dict[str, Callable[[], object]] = {
        "psface": lambda: photometric_stereo(pixels.grey, pixels.lights)
    }
    if folder is not None:
        turns["RobustPhotometricStereo, L2"] = l2_normals(folder, pixels.grey, pixels.lights)
    with one_core():
        times = seconds_in_turns(turns, rounds, "normals", time.process_time)
    print("normals of 4 frames of 1000x1000: ms of processor time, times ours")
    for name, spent in times.items():
        ratio = median(a / b for a, b in zip(spent, times["psface"], strict=True))
        print(f"  {name:28}{1000 * median(spent):9.1f}{ratio:7.2f}")


def l2_normals(folder: Path, frames: np.ndarray, lights: np.ndarray) -> Callable[[], object]:
    """Normals by the rival's L2 solver, from frames (n, H, W) and lights (n, 3).

    Raises
    ------
    UserError
        If ``folder`` is not a copy of its code.
    """
    sys.path.insert(0, str(folder.resolve()))
    try:
        solver = importlib.import_module("rps").RPS()
    except ImportError as error:
        raise UserError(f"{folder}: cannot be loaded ({error}); give a copy of it") from error
    finally:
        sys.path.pop(0)
    solver.M, solver.L = frames.reshape(len(frames), -1).T, lights.T
    solver.height, solver.width = frames.shape[1:]
    return lambda: solver.solve(solver.L2_SOLVER)
