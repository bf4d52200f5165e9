"""``psface measure stereo``: what stereo spends its time on."""

from __future__ import annotations

import cProfile
import pstats
import tempfile
import time
from pathlib import Path
from statistics import median

import click
import numpy as np
from tqdm import tqdm

from psface.captures.capture import Pixels
from psface.commands.measure.turns import one_core
from psface.config import Seed, Selection, load
from psface.simulate.recording import prepare_session, record
from psface.simulate.scene import build_scene
from psface.simulate.simulate_params import RigParams, SimulateParams
from psface.simulate.state import NOISE, STUBBLE, stream
from psface.stereo.compute import compute_maps
from psface.stereo.integrators.integrators import INTEGRATORS
from psface.stereo.map_files import write_maps
from psface.stereo.stereo_params import StereoParams
from psface.threads import limit_libraries

MOTION = 0.011  # of the side
# What the time is spent on: the module and function of `psface.stereo`.
PARTS = {
    "registration": ("registration", "register"),
    "moving the frames back": ("compute", "moved_back"),
    "mask": ("compute", "foreground"),
    "normals and albedo": ("normals", "photometric_stereo"),
    "depth": ("", ""),  # by the integrator
    "checks": ("stereo_check", "check_stereo"),
    "map file": ("map_files", "write_maps"),
}


class Sections(Selection):
    seed: Seed
    simulate: SimulateParams
    stereo: StereoParams


@click.command(epilog="Example: psface measure stereo --side 1000")
@click.option("--side", type=click.IntRange(64), default=1000, show_default=True, help="pixels")
@click.option("--rounds", type=click.IntRange(1), default=9, show_default=True)
def stereo_cost(side: int, rounds: int) -> None:
    """Time stereo part by part on simulated captures of four frames of SIDE x SIDE.

    It takes turns at three captures, by section stereo of params.yaml, in processor time of one
    thread. Exit status: 0; 2 for wrong arguments.
    """
    params = load(Sections)
    times = costs(params, side, rounds)
    print(f"4 frames of {side}x{side}, median of {3 * rounds}, one thread: ms of processor time")
    for part, spent in times.items():
        print(f"  {part:24}{1000 * median(spent):8.1f}")


def costs(params: Sections, side: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each of `PARTS`, and of ``all``, in every round and capture."""
    captures = [simulated_capture(params, side, number) for number in range(3)]
    module, _, function = INTEGRATORS[params.stereo.integrator].rpartition(".")[2].partition(":")
    parts = PARTS | {"depth": (module, function)}
    times: dict[str, list[float]] = {name: [] for name in (*parts, "all")}
    limit_libraries()
    with one_core():
        for turn in tqdm(range(rounds + 1), desc="stereo", unit="round", leave=False):
            for pixels in captures:
                spent = _account(pixels, params.stereo)
                if turn:  # the first is a warm-up
                    for name, address in parts.items():
                        times[name].append(spent.get(address, 0.0))
                    times["all"].append(spent["", "all"])
    return times


def simulated_capture(params: Sections, side: int, number: int) -> Pixels:
    """Frames by the simulator's ideal rig, of a head that moves as much as in small ones."""
    ideal = params.simulate.model_copy(update={"rig": RigParams(), "motion": MOTION * side})
    person, state = prepare_session(ideal, params.seed, number, 0)
    scene = build_scene(person, state, side, side, stream(params.seed, STUBBLE, number, 0))
    recording = record(scene, state, stream(params.seed, NOISE, number, 0))
    assert recording.lights is not None
    return Pixels(recording.frames.astype(np.float32) / 255, None, recording.lights, None)


def _account(pixels: Pixels, params: StereoParams) -> dict[tuple[str, str], float]:
    """Seconds within each function of one computation, by its module and name."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        with cProfile.Profile(time.process_time) as profile:
            write_maps(Path(folder) / "maps.exr", compute_maps(pixels, params))
        total = time.process_time() - start
    rows = pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]
    return {("", "all"): total} | {(Path(file).stem, name): row[3] for (file, _, name), row in rows}
