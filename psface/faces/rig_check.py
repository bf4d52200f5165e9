"""Whether a rig's calibration is right, from many captures by it.

Heads turn and people differ, so one capture tells only gross errors of the lights. Over many
people, both average out, and smaller errors show. What does not average out is what real heads have
in common: they differ between sets of captures by some degrees in pitch (`TURN_PITCH`), so a rig
whose lamps are all turned up or down by less than that cannot be told from people who look down.

Strengths of lamps, the light of the room and the camera's curve belong to the rig. Where enough
captures show them, they are said once of the rig, and captures are doubted for what remains.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from psface.faces.lamp_check import FLAT, LampTrust
from psface.faces.lamp_hypotheses import Lights
from psface.stereo.trust.stereo_check import AMBIENT, StereoTrust
from psface.stereo.trust.strengths import FreeScales, disagreeing, joint_scales, strength_warning
from psface.stereo.trust.trust_warning import TrustWarning

FEWEST = 8  # captures
ERRORS = 3.0  # standard errors of a mean over captures
AGREED = 0.5  # share of the captures that must show the same
STRENGTH = 0.08  # log of a lamp's strength, by all captures, against the others'
OTHERS_RESIDUAL = 4.0  # times the rig's median: a capture that its strengths do not explain
# Means over two populations, simulated and Extended Yale B: where they lie, and how far apart.
TURN_MEAN, TURN_PITCH, TURN_YAW, TURN_ROLL = (-2.3, 2.4, -0.8), 4.0, 3.0, 2.0  # degrees
STRETCH_MEAN, STRETCH_SPAN = (0.0, -0.185), 0.08  # log

# What a rig's warning says of each of its captures too.
SAID_OF_ALL = {
    "rig-lamps-order": ("lamps-order", "lamps-flipped"),
    "rig-lamps-flipped": ("lamps-order", "lamps-flipped"),
    "rig-auto-exposure": ("auto-exposure", "lamps-stale"),
    "rig-not-linear": ("not-linear", "lamps-stale", "ambient", "lamp-strength"),
    "rig-ambient": ("ambient",),
    "rig-stale": ("lamps-stale", "not-linear"),
}


@dataclass(frozen=True)
class Checked:
    """A capture's lights (n, 3), and what `psface.stereo.trust.stereo_check` and
    `psface.faces.lamp_check` found."""

    lights: np.ndarray
    stereo: StereoTrust | None
    face: LampTrust | None

    def found(self) -> list[tuple[str, TrustWarning]]:
        """Warnings, and who found each: stereo or face."""
        parts = (("stereo", self.stereo), ("face", self.face))
        return [(by, warning) for by, trust in parts if trust for warning in trust.warnings]


def rigs_of(lights: Sequence[np.ndarray]) -> np.ndarray:
    """Number the rigs of captures with lights (n, 3): captures that share a lamp share a rig.

    Examples
    --------
    >>> one, other = np.array([[0, 0, 1.0], [0, 0.6, 0.8]]), np.array([[0, 0, 1.0], [0.6, 0, 0.8]])
    >>> rigs_of([one, other, one * 2]).tolist()
    [0, 0, 1]
    """
    if len({of.tobytes() for of in lights}) == 1:
        return np.zeros(len(lights), int)
    # Slow to load, and most archives have one rig.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    lamps = _lamps(lights)
    captures = np.repeat(np.arange(len(lights)), [len(rows) for rows in lights])
    size = len(lights) + int(max((of.max(initial=0) for of in lamps), default=0)) + 1
    ends = len(lights) + np.concatenate([*lamps, np.empty(0, int)])
    graph = coo_array((np.ones(len(captures)), (captures, ends)), shape=(size, size))
    return connected_components(graph, directed=False)[1][: len(lights)]


def check_rig(captures: Sequence[Checked]) -> tuple[list[TrustWarning], list[Checked]]:
    """Check a rig by all its captures.

    Parameters
    ----------
    captures : sequence of Checked
        Sorted by person: several captures of one person are wrong together.

    Returns
    -------
    warnings : list of TrustWarning
        Of the rig; none if it has fewer than `FEWEST` captures.
    captures : list of Checked
        With the warnings that remain theirs.
    """
    if len(captures) < FEWEST:
        return [], list(captures)
    faces = [c.face for c in captures if c.face is not None and np.isfinite(c.face.score)]
    stereo = [c.stereo for c in captures if c.stereo is not None]
    # Each of these upsets all that is judged after it.
    found = (
        list(_other_lights(captures)) or list(_even_exposure(stereo)) or list(_curve(stereo, faces))
    )
    if not found:
        strengths, captures = _strengths(captures)
        found = [*strengths, *_room_and_places(stereo, faces)]
    said = {code for warning in found for code in SAID_OF_ALL.get(warning.code, ())}
    return found, [
        replace(c, stereo=_without(c.stereo, said), face=_without(c.face, said)) for c in captures
    ]


def _lamps(lights: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Number the lamps of captures with lights (n, 3): equal vectors are one lamp."""
    numbers: dict[bytes, int] = {}
    return [
        np.array([numbers.setdefault(light.tobytes(), len(numbers)) for light in rows], dtype=int)
        for rows in lights
    ]


def _without(trust: Any, codes: set[str]) -> Any:
    if trust is None:
        return None
    return replace(trust, warnings=tuple(w for w in trust.warnings if w.code not in codes))


def _other_lights(captures: Sequence[Checked]) -> Iterator[TrustWarning]:
    faces = [(c.lights.tobytes(), c.face) for c in captures if c.face is not None]
    known = [(lights, face) for lights, face in faces if np.isfinite(face.score)]
    readings = Counter((lights, f.order, f.flip) for lights, f in known if f.margin > 0)
    if not readings or len(known) < FEWEST:
        return
    (_, order, flip), count = readings.most_common(1)[0]
    if count < AGREED * len(known):
        return
    yield TrustWarning(
        f"rig-lamps-{'flipped' if flip else 'order'}",
        f"{count} of {len(known)} faces fit other lights better than those given",
        Lights(order, flip).remedy(),
    )


def _strengths(captures: Sequence[Checked]) -> tuple[list[TrustWarning], list[Checked]]:
    """What is said of the lamps' strengths, and the captures judged by those that all show."""
    judged = list(captures)
    places = _comparable(captures)
    if len(places) < FEWEST:
        return [], judged
    lights = [captures[i].lights for i in places]
    lamps = _lamps(lights)
    count = max(int(of.max()) for of in lamps) + 1
    frees = [_free(captures[i].stereo) for i in places]
    scales, errors = joint_scales([free.unexplained for free in frees], lamps, count)
    if not np.isfinite(scales).all():
        return [], judged
    logs = np.log(scales) - np.median(np.log(scales))
    tolerated = OTHERS_RESIDUAL * np.median(
        [free.residual(logs[of]) for free, of in zip(frees, lamps, strict=True)]
    )
    for i, free, of in zip(places, frees, lamps, strict=True):
        judged[i] = _judged(captures[i], disagreeing(free, logs[of], tolerated), logs[of])
    wrong = np.flatnonzero(np.abs(logs) > STRENGTH + ERRORS * errors)
    if not len(wrong):
        return [], judged
    names = _names(lights, lamps, count)
    named = ", ".join(f"{names[i]} ({np.exp(logs[i]):.2f})" for i in wrong)
    return [
        TrustWarning(
            "rig-strength",
            f"over {len(places)} captures, lamps are not as strong as the rig says, or not where "
            f"it says: {named}",
            "calibrate the rig again, or set stereo.semi_calibrated",
        )
    ], judged


def _comparable(captures: Sequence[Checked]) -> list[int]:
    """Captures that tell strengths, and share each of their lamps with another."""
    places = [i for i, c in enumerate(captures) if c.stereo and np.isfinite(c.stereo.scales).all()]
    while places:
        lamps = _lamps([captures[i].lights for i in places])
        seen = np.bincount(np.concatenate(lamps))
        shared = [i for i, of in zip(places, lamps, strict=True) if seen[of].min() > 1]
        if len(shared) == len(places):
            break
        places = shared
    return places


def _free(stereo: StereoTrust | None) -> FreeScales:
    assert stereo is not None
    return FreeScales(*map(np.array, (stereo.scales, stereo.scale_errors, stereo.unexplained)))


def _judged(capture: Checked, wrong: tuple[int, ...], rig: np.ndarray) -> Checked:
    """A capture whose lamps' strengths are compared with those of its rig, (n,) logarithms."""
    stereo = capture.stereo
    assert stereo is not None
    warnings = [w for w in stereo.warnings if w.code != "lamp-strength"]
    if wrong and not any(w.code in ("failed-lamp", "same-lamp", "auto-exposure") for w in warnings):
        warnings.insert(0, strength_warning(stereo.scales / np.exp(rig), wrong))
    judged = replace(stereo, disagreeing=wrong, warnings=tuple(warnings))
    return replace(capture, stereo=judged)


def _names(lights: list[np.ndarray], lamps: list[np.ndarray], count: int) -> list[str]:
    """Lamps by their frame, or by their direction if captures do not all have the same."""
    if all(len(of) == count for of in lamps):
        return [f"lamp {i} from 0" for i in range(count)]
    names = [""] * count
    for rows, of in zip(lights, lamps, strict=True):
        for light, lamp in zip(rows, of, strict=True):
            x, y, z = light / np.linalg.norm(light)
            names[lamp] = f"lamp at ({x:.2f}, {y:.2f}, {z:.2f})"
    return names


def _even_exposure(stereo: list[StereoTrust]) -> Iterator[TrustWarning]:
    even = sum(any(w.code == "auto-exposure" for w in s.warnings) for s in stereo)
    if len(stereo) >= FEWEST and even >= AGREED * len(stereo):
        yield TrustWarning(
            "rig-auto-exposure",
            f"in {even} of {len(stereo)} captures, all frames have the same mean brightness",
            "switch auto-exposure off, or set stereo.semi_calibrated",
        )


def _darkness(stereo: list[StereoTrust]) -> float:
    """How much light the darkest places get: at most the room's, in captures that have such places;
    0 if too few captures tell."""
    known = [s.ambient_bound for s in stereo if np.isfinite(s.ambient_bound)]
    return float(np.median(known)) if len(known) >= FEWEST else 0.0


def _curve(stereo: list[StereoTrust], faces: list[LampTrust]) -> Iterator[TrustWarning]:
    """A camera's curve lifts shadows and flattens faces; the room's light does the first and little
    of the second, lamps that are elsewhere only the second."""
    level = _darkness(stereo)
    flatness = np.array([sum(f.stretch) for f in faces])
    flatness = flatness[np.isfinite(flatness)]
    if level > AMBIENT and len(flatness) >= FEWEST and flatness.mean() > FLAT:
        yield TrustWarning(
            "rig-not-linear",
            f"over {len(flatness)} captures, faces are {np.exp(flatness.mean() / 2):.2f} times too "
            f"flat, and the darkest places get {level:.0%} of a lamp's light",
            "set the rig's camera.response (srgb for most) or record linear frames",
        )


def _room_and_places(stereo: list[StereoTrust], faces: list[LampTrust]) -> Iterator[TrustWarning]:
    level = _darkness(stereo)
    if level > AMBIENT:
        yield TrustWarning(
            "rig-ambient",
            f"over {len(stereo)} captures, the darkest places get {level:.0%} of a lamp's light",
            "darken the room, or record a frame with all lamps off as ambient",
        )
    if len(faces) >= FEWEST:
        yield from _stale(faces, level > AMBIENT)


def _stale(faces: list[LampTrust], ambient: bool) -> Iterator[TrustWarning]:
    turn, turn_error = _mean([c.turn for c in faces])
    apart = turn - np.array(TURN_MEAN)
    limit = np.array([TURN_PITCH, TURN_YAW, TURN_ROLL]) + ERRORS * turn_error
    stretch, stretch_error = _mean([c.stretch for c in faces])
    stretched = stretch - np.array(STRETCH_MEAN)
    span = STRETCH_SPAN + ERRORS * stretch_error
    parts = []
    for name, value, most in zip(("x", "y", "z"), apart, limit, strict=True):
        if abs(value) > most:
            parts.append(f"turned by {value:+.0f} degrees about {name}")
    for name, value, most in zip("xy", stretched, span, strict=True):
        if value < -most or (value > most and not ambient):  # which flattens faces too
            how = "flat" if value > 0 else "steep"
            parts.append(f"{np.exp(abs(value)):.2f} times too {how} along {name}")
    if parts:
        yield TrustWarning(
            "rig-stale",
            f"over {len(faces)} captures, faces are {' and '.join(parts)}",
            "calibrate the rig again; if its lamps are where the rig says, check that frames are "
            "linear and that people look at the camera",
        )


def _mean(values: list[tuple[float, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error of finite rows."""
    rows = np.array(values)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if len(rows) < 2:
        return np.zeros(rows.shape[1]), np.full(rows.shape[1], np.inf)
    return rows.mean(axis=0), rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
