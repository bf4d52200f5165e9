"""simulate: render the captures that the pipeline runs on by default, with known truth."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import click

from psface.captures.ingest_params import IngestParams
from psface.config import Seed, Selection, load
from psface.engines.engine_params import EngineParams
from psface.engines.engines import computing_on
from psface.files import digest_of, made_folder, replacing
from psface.fingerprint import code_digest
from psface.parallel import map_in_processes
from psface.running import PATH, run
from psface.simulate.calibrated_rig import calibrate_by_targets
from psface.simulate.calibration_targets import write_rig_files
from psface.simulate.recording import simulate_session
from psface.simulate.simulate_params import SimulateParams


class Sections(Selection):
    seed: Seed
    simulate: SimulateParams
    ingest: IngestParams


def simulate(params: SimulateParams, seed: int, out: Path) -> int:
    """Render a population in Photoface's layout; return the number of captures.

    Parameters
    ----------
    params : SimulateParams
        Size, spread and errors of the population.
    seed : int
        Seeds all that is random. A capture depends on it, on its own number, on its person's
        number, and on nothing else in the population.
    out : Path
        Emptied, then filled with ``Photometric_DB/<id>/<session>/``. Beside the rig's files
        each capture has ``truth.exr``, ``truth.json`` and ``landmarks.csv`` of frame 0. A rig
        that is neither ideal nor varied has its true file in ``rig/`` instead of
        ``LightSource.m`` in every capture, pictures of balls in ``calibration/``, and what they
        tell in ``rig.json``. A run with the same parameters and code continues a killed one.
    """
    begun = out / ".partial-of"  # present while captures are missing: what is being made
    code = code_digest("psface.simulate.recording", "psface.simulate.calibrated_rig")
    mark = digest_of(params.model_dump_json(), str(seed), code)
    if not begun.is_file() or begun.read_bytes() != mark.encode():
        shutil.rmtree(out, ignore_errors=True)
        with replacing(begun) as path:
            path.write_text(mark)
    captures = [(i, s) for i in range(params.identities) for s in range(params.sessions)]
    render = partial(simulate_session, params, seed, out)
    with ThreadPoolExecutor(1) as beside:  # no capture depends on what the balls tell
        calibrated = beside.submit(_calibrate, params, seed, out)
        count = sum(1 for _ in map_in_processes(render, captures, "simulate"))
    if reason := calibrated.result():
        print(f"simulate: {reason}; rig.json is the true rig")
    begun.unlink()
    return count


def _calibrate(params: SimulateParams, seed: int, out: Path) -> str:
    """Write the files of a rig that all captures share; return why its pictures do not tell it,
    or the empty string."""
    if params.rig.ideal or params.rig.varied:
        return ""
    write_rig_files(params, seed, out)
    return calibrate_by_targets(out)


@click.command("python -m stages.simulate")
@click.option("--out", type=PATH, required=True, help="output folder, emptied first")
def main(out: Path) -> None:
    """Render simulated captures, if ingest.root is where they are."""
    params = load(Sections)
    if not params.ingest.is_simulated:
        if not any(made_folder(out).iterdir()):  # DVC expects something
            (out / "nothing.txt").write_text("Not rendered: ingest.root is another folder.\n")
        print(f"simulate: nothing to render, the captures are in {params.ingest.root}")
        return
    with computing_on(load(EngineParams)):
        count = simulate(params.simulate, params.seed, out)
    print(f"simulate: {out}: {count} captures of {params.simulate.identities} people")


if __name__ == "__main__":
    run(main, alone_as="simulate")
