"""Attacks on a rig: copies of a person's face before the camera instead of the person.

A presentation attack is made from a capture of the person it is to pass for, which the attacker is
assumed to have, frames, albedo, relief and all. The words are those of ISO/IEC 30107-3: a *kind* is
a species of attack instrument.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from psface.attacks.flat_copies import PAPER, Pose, Seen, printed, seen_sheet, shown
from psface.captures.capture import Pixels
from psface.captures.linear_frames import linear_frames
from psface.rig.rig import Rig
from psface.simulate.faults import Faults
from psface.simulate.recording import prepare_session
from psface.simulate.scene import Scene, build_scene, rotation
from psface.simulate.sensor import digitised, noisy
from psface.simulate.shots import shoot, shoot_ambient
from psface.simulate.simulate_params import SimulateParams
from psface.simulate.state import STUBBLE, Person, SessionState, draw_person, stream
from psface.simulate.true_rig import TrueRig

ATTACK = 14  # of `psface.simulate.state.stream`
YAW, PITCH, ROLL = 12.0, 8.0, 4.0  # degrees: standard deviations of how a sheet is held
FORWARD = 15.0  # mm
RADII = (75.0, 250.0)  # mm, of bends
HOLLOW, TILTED = 0.15, 0.3  # share of bends away from the camera; rad, of a bend's axis
GLOSSY, GLASS = (0.3, 1.0), (0.3, 1.0)  # strengths of highlights
GLASS_ALBEDO = 0.03
BRIGHTNESS = (0.3, 0.9)  # of a screen's white, 1 is the sensor's
STEADY = 0.5  # share of screens with a still picture that show it when the lamps are off, too
MASK_GLOSS = (0.02, 0.15)
MASK_BLUR = 0.7  # mm: standard deviation of what printing on a mask loses

SHEETS = {
    "flat print": (False, False, False),  # bent, glossy, cut out
    "glossy print": (False, True, False),
    "bent print": (True, False, False),
    "bent glossy print": (True, True, False),
    "cut-out print": (False, False, True),
    "bent cut-out": (True, False, True),
}
SCREENS = {
    "screen": "one picture",
    "video, other order": "lit frames in another order",
    "video, out of step": "the dark frame is not when the lamps are off",
    "video, in step": "as the lamps fire",
}
MASKS = ("mask of a mean face", "mask of the person")
KINDS = (*SHEETS, *SCREENS, *MASKS)
LIVE = "live"


@dataclass(frozen=True)
class Attack:
    """What the camera takes of an attack, or of the person (kind ``live``).

    Attributes
    ----------
    kind : str
    source : str
        What was copied: ``frame``, ``mean`` (of all frames) or ``albedo``.
    frames : (n, H, W) uint8
    ambient : (H, W) uint8 or None
    """

    kind: str
    source: str
    frames: np.ndarray
    ambient: np.ndarray | None


def record_attack(
    kind: str, params: SimulateParams, rig: TrueRig, seed: int, number: int, session: int
) -> Attack:
    """Record an attack by a copy of capture ``session`` of person ``number``.

    Parameters
    ----------
    kind : str
        Of `KINDS`, or `LIVE`: the person.
    """
    person, state = prepare_session(params, seed, number, session)
    stubble = stream(seed, STUBBLE, number, session)
    distance = params.rig.camera_distance_mm
    live = build_scene(person, state, params.width, params.height, stubble, distance)
    rng = np.random.default_rng([seed, ATTACK, number, session, (*KINDS, LIVE).index(kind)])
    calm = Faults(tuple(range(len(rig.strengths))), None)
    taken = shoot(live, _still(state), rig, calm).frames / np.float32(255)
    source, scene, glow = "", live, None
    if kind in SHEETS:
        source, picture = _picture(taken, live, rng)
        seen = _sheet(kind, picture, live, state, rng)
        scene = replace(live, surface=seen.surface)
    elif kind in SCREENS:
        source, scene, glow = _screen(kind, taken, live, state, rng)
    elif kind in MASKS:
        source, scene = _mask(kind, params, person, state, live, seed, number, session, rng)
    return _recorded(kind, source, scene, state, rig, calm, glow, rng)


def pixels_of(attack: Attack, rig: Rig) -> Pixels:
    """The frames of an attack in linear light, as those of a capture are read.

    Parameters
    ----------
    rig : Rig
        As a rig file tells it.
    """
    frames, saturated, _ = linear_frames(list(attack.frames), rig, attack.ambient)
    return Pixels(frames, None, rig.lights(), None, rig, saturated)


def _still(state: SessionState) -> SessionState:
    return replace(state, shifts=np.zeros_like(state.shifts))


def _picture(taken: np.ndarray, live: Scene, rng: np.random.Generator) -> tuple[str, np.ndarray]:
    """What is copied: a frame, the mean of all, or the albedo, in [0, 1]."""
    source = str(rng.choice(["frame", "mean", "albedo"]))
    number = int(rng.integers(len(taken)))
    copied = {"frame": taken[number], "mean": taken.mean(axis=0), "albedo": live.surface.albedo}
    return source, shown(copied[source])


def _pose(rng: np.random.Generator, bent: bool) -> Pose:
    yaw, pitch, roll, forward = rng.standard_normal(4).clip(-2, 2) * [YAW, PITCH, ROLL, FORWARD]
    turn = rotation(yaw, pitch, roll)
    if not bent:
        return Pose(turn, forward)
    curvature = rng.uniform(1 / RADII[1], 1 / RADII[0]) * (-1 if rng.random() < HOLLOW else 1)
    return Pose(turn, forward, curvature, TILTED * rng.standard_normal())


def _sheet(
    kind: str, picture: np.ndarray, live: Scene, state: SessionState, rng: np.random.Generator
) -> Seen:
    bent, glossy, cut = SHEETS[kind]
    outline = (live.surface.depth > -1e3).astype(np.float32) if cut else None
    gloss = rng.uniform(*GLOSSY) if glossy else 0.0
    pose, paper = _pose(rng, bent), rng.uniform(*PAPER)
    return seen_sheet(picture, pose, live.camera, state.background, paper, gloss, outline)


def _screen(
    kind: str, taken: np.ndarray, live: Scene, state: SessionState, rng: np.random.Generator
) -> tuple[str, Scene, np.ndarray]:
    """A screen, and the light (n + 1, H, W) that it gives in each frame and in the dark one."""
    n = len(taken)
    dark = np.zeros_like(taken[:1])
    order = list(range(n + 1))
    while kind in ("video, other order", "video, out of step") and order[:n] == list(range(n)):
        mixed = rng.permutation(n if kind == "video, other order" else n + 1).tolist()
        order = mixed if len(mixed) > n else [*mixed, n]
        if kind == "video, out of step" and order[n] == n:
            order = list(range(n + 1))
    if kind == "screen":
        source, picture = _picture(taken, live, rng)
        films = np.repeat(picture[None], n + 1, axis=0)
        films[n] *= rng.random() < STEADY
    else:
        source, films = "frame", shown(np.concatenate([taken, dark]))[order]
    pose, brightness = _pose(rng, False), rng.uniform(*BRIGHTNESS)
    gloss = rng.uniform(*GLASS)
    seen = [
        seen_sheet(film, pose, live.camera, state.background, GLASS_ALBEDO, gloss) for film in films
    ]
    surface = seen[0].surface
    glass = np.where(surface.gloss > 0, np.float32(GLASS_ALBEDO), surface.albedo)
    scene = replace(
        live, surface=replace(surface, albedo=glass, specular=np.zeros_like(surface.specular))
    )
    return source, scene, np.float32(brightness) * np.stack([each.picture for each in seen])


def _mask(
    kind: str, params: SimulateParams, person: Person, state: SessionState, live: Scene,
    seed: int, number: int, session: int, rng: np.random.Generator,
) -> tuple[str, Scene]:  # fmt: skip
    """A mask with the person's printed albedo: on their relief, or on a mean face's."""
    scene, picture = live, live.surface.albedo
    if kind == "mask of a mean face":
        mean = draw_person(seed, number, 0.0)
        bare = replace(state, attributes=replace(state.attributes, spectacles="no"))
        stubble = stream(seed, STUBBLE, number, session)
        scene = build_scene(
            mean, bare, params.width, params.height, stubble, params.rig.camera_distance_mm
        )
        fit, _ = cv2.estimateAffine2D(live.landmarks, scene.landmarks, method=cv2.LMEDS)
        size = (params.width, params.height)
        picture = cv2.warpAffine(picture, fit, size, borderMode=cv2.BORDER_REPLICATE)
    covered = scene.surface.depth > -1e3
    blurred = cv2.GaussianBlur(shown(picture), (0, 0), MASK_BLUR * scene.scale)
    gloss = np.float32(rng.uniform(*MASK_GLOSS))
    surface = replace(
        scene.surface,
        albedo=np.where(covered, printed(blurred, rng.uniform(*PAPER)), scene.surface.albedo),
        specular=gloss * covered,
        gloss=np.zeros_like(scene.surface.gloss),
    )
    return "albedo", replace(scene, surface=surface)


def _recorded(
    kind: str, source: str, scene: Scene, state: SessionState, rig: TrueRig, calm: Faults,
    glow: np.ndarray | None, rng: np.random.Generator,
) -> Attack:  # fmt: skip
    response = rig.params.response
    lit = None if glow is None else glow[:-1]
    shots = shoot(scene, state, rig, calm, lit)
    frames = digitised(noisy(shots.frames, state.noise, rng), response)
    ambient = None
    if rig.params.ambient_frame:
        shift = state.shifts[int(rng.integers(len(state.shifts)))]
        left = None if glow is None else glow[-1:]
        dark = shoot_ambient(scene, state, rig, shift, left)
        ambient = digitised(noisy(dark.frames, state.noise, rng), response)[0]
    return Attack(kind, source, frames, ambient)
