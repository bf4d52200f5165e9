"""Calibrate a simulated rig by its pictures of balls, as its users would."""

from __future__ import annotations

from pathlib import Path

from psface.errors import UserError
from psface.rig.calibration.ball_pictures import read_ball_pictures
from psface.rig.calibration.calibrating import BallSizes, calibrate_rig
from psface.rig.rig import read_rig, write_rig
from psface.simulate.calibration_targets import MATTE_RADIUS, MIRROR_RADIUS


def calibrate_by_targets(out: Path) -> str:
    """Calibrate by ``out/calibration``; write ``out/rig.json``, where ingest looks for a rig.

    Camera and balls are known; the lamps are not. If the pictures do not tell, as small ones do
    not, the true rig is written; returns why, or the empty string.
    """
    true = read_rig(out / "rig")
    sizes = BallSizes()
    if true.near:
        sizes = BallSizes(2 * MIRROR_RADIUS, 2 * MATTE_RADIUS, true.distance_mm)
    rig, reason = true, ""
    try:
        mirror, matte = (
            read_ball_pictures(out / "calibration" / kind, true.camera)
            for kind in ("mirror", "matte")
        )
        rig = calibrate_rig([mirror], true.camera, "mirror", matte, sizes).rig
    except UserError as error:
        reason = str(error)
    write_rig(out / "rig.json", rig)
    return reason
