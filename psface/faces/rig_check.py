"""Whether a rig's calibration is right, from many captures by it.

Heads turn and people differ, so one capture tells only gross errors of the lights. Over many
people, both average out, and smaller errors show. What does not average out is what real heads have
in common: they differ between sets of captures by some degrees in pitch (`TURN_PITCH`), so a rig
whose lamps are all turned up or down by less than that cannot be told from people who look down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from psface.faces.lamp_check import LampTrust
from psface.faces.lamp_hypotheses import Lights
from psface.stereo.trust.stereo_check import AMBIENT, StereoTrust
from psface.stereo.trust.trust_warning import TrustWarning

FEWEST = 8  # captures
ERRORS = 3.0  # standard errors of a mean over captures
AGREED = 0.5  # share of the captures that must prefer the same other lights
STRENGTH = 0.08  # log of a lamp's mean strength against the others'
# Means over two populations, simulated and Extended Yale B: where they lie, and how far apart.
TURN_MEAN, TURN_PITCH, TURN_YAW, TURN_ROLL = (-2.3, 2.4, -0.8), 4.0, 3.0, 2.0  # degrees
STRETCH_MEAN, STRETCH_SPAN = (0.0, -0.25), 0.08  # log

Checked = tuple[StereoTrust | None, LampTrust | None]


def check_rig(captures: Sequence[Checked]) -> tuple[TrustWarning, ...]:
    """Check a rig by all its captures, which have the same lamps in the same order.

    Parameters
    ----------
    captures : sequence of (StereoTrust or None, LampTrust or None)
        What `psface.stereo.trust.stereo_check` and `psface.faces.lamp_check` found of each. One
        capture per person counts most: several of one person are wrong together.

    Returns
    -------
    tuple of TrustWarning
        Empty if there are fewer than `FEWEST` captures.
    """
    stereo = [s for s, _ in captures if s is not None]
    lamps = [c for _, c in captures if c is not None and np.isfinite(c.score)]
    found: list[TrustWarning] = []
    if len(lamps) >= FEWEST:
        order = _other_lights(lamps)
        found += order or _stale(lamps)
    if len(stereo) >= FEWEST:
        found += [] if any(w.code.startswith("rig-lamps-") for w in found) else _strengths(stereo)
        found += _room_light(stereo)
    return tuple(found)


def _other_lights(lamps: list[LampTrust]) -> list[TrustWarning]:
    readings = Counter((c.order, c.flip) for c in lamps if c.margin > 0)
    if not readings:
        return []
    (order, flip), count = readings.most_common(1)[0]
    if count < AGREED * len(lamps):
        return []
    kind = "flipped" if flip else "order"
    return [
        TrustWarning(
            f"rig-lamps-{kind}",
            f"{count} of {len(lamps)} faces fit other lights better than those given",
            Lights(order, flip).remedy(),
        )
    ]


def _stale(lamps: list[LampTrust]) -> list[TrustWarning]:
    turn, turn_error = _mean([c.turn for c in lamps])
    apart = turn - np.array(TURN_MEAN)
    limit = np.array([TURN_PITCH, TURN_YAW, TURN_ROLL]) + ERRORS * turn_error
    stretch, stretch_error = _mean([c.stretch for c in lamps])
    stretched = stretch - np.array(STRETCH_MEAN)
    span = STRETCH_SPAN + ERRORS * stretch_error
    parts = []
    for name, value, most in zip(("x", "y", "z"), apart, limit, strict=True):
        if abs(value) > most:
            parts.append(f"turned by {value:+.0f} degrees about {name}")
    for name, value, most in zip("xy", stretched, span, strict=True):
        if abs(value) > most:
            how = "flat" if value > 0 else "steep"
            parts.append(f"{np.exp(abs(value)):.2f} times too {how} along {name}")
    if not parts:
        return []
    return [
        TrustWarning(
            "rig-stale",
            f"over {len(lamps)} captures, faces are {' and '.join(parts)}",
            "calibrate the rig again; if its lamps are where the rig says, check that frames are "
            "linear and that people look at the camera",
        )
    ]


def _strengths(stereo: list[StereoTrust]) -> list[TrustWarning]:
    logs = np.array([np.log(s.scales) for s in stereo if np.isfinite(s.scales).all()])
    if len(logs) < FEWEST:
        return []
    middle = np.median(logs, axis=0)
    error = 1.25 * logs.std(axis=0) / np.sqrt(len(logs))  # of a median
    wrong = np.flatnonzero(np.abs(middle - np.median(middle)) > STRENGTH + ERRORS * error)
    if not len(wrong):
        return []
    named = ", ".join(f"{i} ({np.exp(middle[i]):.2f})" for i in wrong)
    return [
        TrustWarning(
            "rig-strength",
            f"over {len(logs)} captures, lamps {named}, counted from 0, are not as strong "
            "as the rig says, or not where it says",
            "calibrate the rig again, or set stereo.semi_calibrated",
        )
    ]


def _room_light(stereo: list[StereoTrust]) -> list[TrustWarning]:
    known = [s.ambient for s in stereo if np.isfinite(s.ambient)]
    if len(known) < FEWEST or np.median(known) < AMBIENT:
        return []
    return [
        TrustWarning(
            "rig-ambient",
            f"over {len(known)} captures, the room adds {np.median(known):.0%} of a lamp's light",
            "darken the room, or record a frame with all lamps off as ambient",
        )
    ]


def _mean(values: list[tuple[float, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error of finite rows."""
    rows = np.array(values)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if len(rows) < 2:
        return np.zeros(rows.shape[1]), np.full(rows.shape[1], np.inf)
    return rows.mean(axis=0), rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
