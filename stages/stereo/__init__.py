"""stereo: from the frames of each session to normals, albedo and depth."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from stages.errors import UserError
from stages.files import code_digest, digest_of, replacing
from stages.maps import read_maps, read_notes, write_maps
from stages.parallel import map_sessions
from stages.params import StereoParams
from stages.session import Refusal, Session, read_sessions, write_refusals
from stages.stereo.maps import compute_maps, read_frames
from stages.stereo.truth import truth_metrics


def stereo(
    params: StereoParams, sessions_path: Path, out: Path, report: Path
) -> tuple[int, int, int]:
    """Write ``out/<identity>/<session>.exr`` for every session of several lights; keep those that
    are up to date. With pictures, which have none, there is nothing to do.

    A map file carries the fingerprint of what it was made from (frames, lights, parameters and
    this stage's code), so that the work is proportional to what changed. Map files whose session
    is gone are removed. Sessions that fail are listed in ``out/failures.csv``. ``report`` receives
    the errors against the truth (see `truth_metrics`), for captures that come with it.

    Returns
    -------
    made, kept, failed : int

    Raises
    ------
    UserError
        If no session succeeds.
    """
    sessions = [s for s in read_sessions(sessions_path) if not s.is_picture]
    code = code_digest(Path(__file__).parent)
    wanted = {map_path(out, s): fingerprint(s, params, code) for s in sessions}
    for stale in set(out.glob("*/*.exr")) - set(wanted):
        stale.unlink()
    marked = [
        s
        for s in sessions
        if read_notes(map_path(out, s)).get("fingerprint") == wanted[map_path(out, s)]
    ]
    whole = map_sessions(partial(_is_whole, out=out), marked, "stereo: what is done")
    kept = {s.name for s, right in zip(marked, whole, strict=True) if right}
    todo = [s for s in sessions if s.name not in kept]
    work = partial(_write_session, params=params, code=code, out=out)
    failures = [f for f in map_sessions(work, todo, "stereo") if f is not None]
    if failures and len(failures) == len(sessions):
        raise UserError(f"stereo: every session failed, the first: {failures[0].reason}")
    write_refusals(out / "failures.csv", failures)
    lost = {(f.identity, f.session) for f in failures}
    made = [s for s in sessions if (s.identity, s.session) not in lost]
    with replacing(report) as path:
        path.write_text(json.dumps(truth_metrics(made, params), indent=2) + "\n")
    return len(todo) - len(failures), len(sessions) - len(todo), len(failures)


def map_path(out: Path, session: Session) -> Path:
    """Where a session's maps are kept."""
    return out / session.identity / f"{session.session}.exr"


def fingerprint(session: Session, params: StereoParams, code: str) -> str:
    """Hash of everything that a session's maps depend on."""
    lights = session.lights.tobytes().hex()
    return digest_of(session.digest, lights, params.model_dump_json(), code)


def _is_whole(session: Session, out: Path) -> bool:
    """Whether a session's maps are as they were written."""
    try:
        read_maps(map_path(out, session))
    except UserError:
        return False
    return True


def _write_session(session: Session, params: StereoParams, code: str, out: Path) -> Refusal | None:
    path = map_path(out, session)
    try:
        maps, shifts = compute_maps(read_frames(session), session.lights, params)
    except UserError as error:
        path.unlink(missing_ok=True)
        return Refusal(session.identity, session.session, str(error))
    maps.notes["fingerprint"] = fingerprint(session, params, code)
    maps.notes["shifts"] = json.dumps(shifts.round(3).tolist())
    write_maps(path, maps)
    return None
