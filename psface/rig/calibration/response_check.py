"""Whether the shading of a matte ball is that of linear pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from psface.errors import UserError
from psface.rig.calibration.matte_ball import MatteShading
from psface.rig.calibration.matte_fit import MatteFit, first_guess, fit_matte
from psface.rig.calibration.reflectance import radiance
from psface.rig.response import Response, encoded, linear_light

BETTER = 0.65  # of the misfit: a response that explains the values so much better is the true one
LAMPS = 12  # of the rig: enough to tell


def check_curve(shading: MatteShading, fit: MatteFit, remedy: str) -> None:
    """Refuse pictures, taken for linear, whose shading an sRGB camera explains far better.

    How a ball reflects is free within limits, so that most of a curve could pass for that: the
    lamps would then fit well, and be several degrees too near to the camera's axis. Both fits are
    compared where noise is even, in the pictures' values.

    Parameters
    ----------
    shading, fit : MatteShading, MatteFit
        As if the pictures were linear, under distant lamps.
    remedy : str
        Ends the message.

    Raises
    ------
    UserError
        If the pictures are not linear.
    """
    few = np.unique(np.linspace(0, len(shading.values) - 1, LAMPS).round().astype(int))
    shading = replace(shading, values=shading.values[few], usable=shading.usable[few])
    fit = replace(fit, lamps=fit.lamps[few], weights=fit.weights[few])
    curved = replace(shading, values=linear_light(np.maximum(shading.values, 0), "srgb"))
    guess = first_guess(curved.values, curved.points)
    try:
        other = fit_matte(curved.values, curved.usable, curved.points, curved.parts, guess)
    except np.linalg.LinAlgError:  # no light explains it
        return
    misfits = _misfit(shading, fit, "linear"), _misfit(curved, other, "srgb")
    if misfits[1] < BETTER * misfits[0]:
        raise UserError(
            f"{shading.paths[0]}: not linear in the light: by the camera curve sRGB, the ball's "
            f"shading is {misfits[1]:.1%} off, without it {misfits[0]:.1%}; {remedy}"
        )


def _misfit(shading: MatteShading, fit: MatteFit, response: Response) -> float:
    """Root mean square difference of the pictures' values, weighted, relative to theirs."""
    seen = radiance(fit.lamps, fit.shape, shading.points)[0]
    values = encoded(shading.values, response)
    rest = values - encoded(np.maximum(seen, 0), response)
    weights = fit.weights / max(float(fit.weights.sum()), 1e-9)
    return float(np.sqrt((weights * rest**2).sum() / (weights * values**2).sum()))
