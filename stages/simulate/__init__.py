"""A rig that renders captures with known truth: the data the pipeline runs on by default."""

import shutil
from functools import partial
from pathlib import Path

from stages.parallel import map_sessions
from stages.params import SimulateParams
from stages.simulate.session import simulate_session

__all__ = ["SimulateParams", "simulate"]


def simulate(params: SimulateParams, seed: int, out: Path) -> int:
    """Render a population in the layout of the Photoface database.

    Parameters
    ----------
    params : SimulateParams
        Size, spread and errors of the population.
    seed : int
        Of all that is random. A session depends on it, on its own number, on its person's
        number, and on nothing else in the population.
    out : Path
        Emptied, then filled with ``Photometric_DB/<id>/<session>/``. Beside the rig's files
        each session holds ``truth.exr``, ``truth.json`` and ``landmarks.csv`` of frame 0.

    Returns
    -------
    int
        Number of sessions written.
    """
    shutil.rmtree(out, ignore_errors=True)
    sessions = [(i, s) for i in range(params.identities) for s in range(params.sessions)]
    render = partial(simulate_session, params, seed, out)
    return sum(1 for _ in map_sessions(render, sessions, "simulate"))
