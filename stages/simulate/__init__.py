"""A rig that renders captures with known truth: the data the pipeline runs on by default."""

import shutil
from functools import partial
from pathlib import Path

from stages.files import code_digest, digest_of, replacing
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
        each session holds ``truth.exr``, ``truth.json`` and ``landmarks.csv`` of frame 0. After a
        kill, a run of the same parameters and code goes on from the sessions that are done.

    Returns
    -------
    int
        Number of sessions written.
    """
    begun = out / ".partial-of"  # there while sessions are missing: what is being made
    mark = digest_of(params.model_dump_json(), str(seed), code_digest(Path(__file__).parent))
    if not begun.is_file() or begun.read_bytes() != mark.encode():
        shutil.rmtree(out, ignore_errors=True)
        with replacing(begun) as path:
            path.write_text(mark)
    sessions = [(i, s) for i in range(params.identities) for s in range(params.sessions)]
    render = partial(simulate_session, params, seed, out)
    count = sum(1 for _ in map_sessions(render, sessions, "simulate"))
    begun.unlink()
    return count
