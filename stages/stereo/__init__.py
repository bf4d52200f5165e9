"""stereo: from the frames of each session to normals, albedo and depth."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from stages.errors import UserError
from stages.files import code_digest
from stages.images import read_frame
from stages.maps import Maps, read_notes, write_maps
from stages.parallel import map_sessions
from stages.params import StereoParams
from stages.session import Refusal, Session, read_sessions, write_refusals
from stages.stereo.integration import INTEGRATORS
from stages.stereo.normals import photometric_stereo
from stages.stereo.registration import align, register

FOREGROUND = 0.55  # of Otsu's threshold: between a dark background and the darkest skin
MIN_REGION = 0.05  # of the largest lit region's area
REACH = 0.04  # of the shorter side: dark brows and beards up to twice this wide belong to the face


def stereo(params: StereoParams, sessions_path: Path, out: Path) -> tuple[int, int, int]:
    """Write ``out/<identity>/<session>.exr`` for every session; keep those that are up to date.

    A map file carries the fingerprint of what it was made from (frames, lights, parameters and
    this stage's code), so that the work is proportional to what changed. Map files whose session
    is gone are removed. Sessions that fail are listed in ``out/failures.csv``.

    Returns
    -------
    made, kept, failed : int

    Raises
    ------
    UserError
        If no session succeeds.
    """
    sessions = read_sessions(sessions_path)
    code = code_digest(Path(__file__).parent)
    wanted = {map_path(out, s): fingerprint(s, params, code) for s in sessions}
    for stale in set(out.glob("*/*.exr")) - set(wanted):
        stale.unlink()
    todo = [
        s
        for s in sessions
        if read_notes(map_path(out, s)).get("fingerprint") != wanted[map_path(out, s)]
    ]
    work = partial(_write_session, params=params, code=code, out=out)
    failures = [f for f in map_sessions(work, todo, "stereo") if f is not None]
    if len(failures) == len(sessions):
        raise UserError(f"stereo: every session failed, the first: {failures[0].reason}")
    write_refusals(out / "failures.csv", failures)
    return len(todo) - len(failures), len(sessions) - len(todo), len(failures)


def map_path(out: Path, session: Session) -> Path:
    """Where a session's maps are kept."""
    return out / session.identity / f"{session.session}.exr"


def read_frames(session: Session) -> np.ndarray:
    """All frames of a session, (n, H, W) float32 in [0, 1]."""
    return np.stack([read_frame(Path(path)) for path in session.frames])


def compute_maps(
    frames: np.ndarray, lights: np.ndarray, params: StereoParams
) -> tuple[Maps, np.ndarray]:
    """Photometric stereo of one session.

    Parameters
    ----------
    frames : (n, H, W) float32 in [0, 1]
    lights : (n, 3) float64
        Unit vectors from the surface to the light.

    Returns
    -------
    maps : Maps
        In the place of frame 0.
    shifts : (n, 2) float64
        Where each frame's content lay relative to frame 0, (dx, dy) in pixels; zero when
        ``params.register_frames`` is off.
    """
    shifts = register(frames) if params.register_frames else np.zeros((len(frames), 2))
    aligned = align(frames, shifts)
    normal, albedo = photometric_stereo(aligned, lights, params.exclude_shadows)
    mask = foreground(aligned) & (normal[2] > 0)
    depth = INTEGRATORS[params.integrator](normal, mask)
    return Maps(normal * mask, albedo * mask, depth, mask), shifts


def foreground(frames: np.ndarray) -> np.ndarray:
    """(H, W) bool: the lit regions of the mean frame that are not small, their holes filled.

    More than one, because dark spectacles or hair can part a face.
    """
    mean = frames.mean(axis=0)
    level = np.percentile(mean, 99) + 1e-6
    grey = np.clip(mean / level * 255, 0, 255).astype(np.uint8)
    otsu, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    lit = cv2.morphologyEx((grey > FOREGROUND * otsu).astype(np.uint8), cv2.MORPH_OPEN, _disc(2))
    lit = cv2.morphologyEx(lit, cv2.MORPH_CLOSE, _disc(int(REACH * min(mean.shape))))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(lit)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = areas > MIN_REGION * areas.max(initial=1)
    return ndimage.binary_fill_holes(kept[labels])


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def fingerprint(session: Session, params: StereoParams, code: str) -> str:
    """Hash of everything that a session's maps depend on."""
    parts = (session.digest, session.lights.tobytes().hex(), params.model_dump_json(), code)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


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
