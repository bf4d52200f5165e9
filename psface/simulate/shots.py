"""The frames of a capture as a rig that is not ideal takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.simulate.faults import Faults
from psface.simulate.light import reflect
from psface.simulate.rig_light import View, incidence
from psface.simulate.scene import Scene
from psface.simulate.sensor import WHITE, automatic_gain, displaced, vignetting
from psface.simulate.shadow import cast_shadow, steps
from psface.simulate.state import SessionState
from psface.simulate.true_rig import TrueRig


@dataclass(frozen=True)
class Shots:
    """Linear frames (n, H, W) in grey levels, unclipped and without noise.

    `gains` (n,) are the factors on their exposure.
    """

    frames: np.ndarray
    gains: tuple[float, ...]


def shoot(
    scene: Scene,
    state: SessionState,
    rig: TrueRig,
    faults: Faults,
    glow: np.ndarray | None = None,
) -> Shots:
    """Take a frame under each lamp.

    `glow` (n, H, W) is the light that a screen adds to each frame, of which 1 is white.

    The head's motion between the frames is a displacement of the image, and moves the head
    through the light of near lamps; what it changes in perspective is less than a pixel.
    """
    view = View.of(scene.camera, scene.surface.depth)
    heights = scene.camera.heights(scene.surface.occluder)
    frames = []
    for number, (lamp, shift) in enumerate(zip(faults.lamps, state.shifts, strict=True)):
        if lamp == faults.failed:
            frames.append(displaced(_unlit(scene, state), shift))
            continue
        arriving = incidence(rig, lamp, view, shift, state.conditions.light_gains[lamp])
        reach = None
        if state.conditions.cast_shadows:
            march = steps(rig.lamp(lamp, scene.camera), rig.near, scene.camera)
            reach = cast_shadow(heights, march)
        frame = reflect(scene.surface, arriving, reach, state.conditions)
        if glow is not None:
            frame = frame + glow[number]
        frames.append(displaced(WHITE * frame, shift))
    return _through_the_lens(np.stack(frames), rig)


def shoot_ambient(
    scene: Scene,
    state: SessionState,
    rig: TrueRig,
    shift: np.ndarray,
    glow: np.ndarray | None = None,
) -> Shots:
    """Take a frame with all lamps off, after the head has moved by `shift` (2,) px; `glow`
    (1, H, W) is a screen's light in it."""
    frame = _unlit(scene, state)
    if glow is not None:
        frame = frame + WHITE * glow[0]
    return _through_the_lens(displaced(frame, shift)[None], rig)


def _unlit(scene: Scene, state: SessionState) -> np.ndarray:
    return WHITE * reflect(scene.surface, None, None, state.conditions)


def _through_the_lens(frames: np.ndarray, rig: TrueRig) -> Shots:
    if rig.params.vignetting:
        frames = frames * vignetting(rig.width, rig.height, rig.params.vignetting)
    gains = [1.0] * len(frames)
    if rig.params.auto_exposure:
        gains = [automatic_gain(frame) for frame in frames]
        frames = frames * np.array(gains, np.float32)[:, None, None]
    return Shots(frames, tuple(gains))
