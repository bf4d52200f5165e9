"""Draw, render and write one capture of one person, as the rig would."""

import csv
import json
import shutil
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from psface.captures.capture import LANDMARKS
from psface.disk import writing
from psface.simulate.faults import draw_faults
from psface.simulate.labels import Attributes
from psface.simulate.light import light_directions, shade
from psface.simulate.scene import Scene, build_scene, true_maps
from psface.simulate.sensor import WHITE, digitised, displaced, noisy
from psface.simulate.shots import shoot, shoot_ambient
from psface.simulate.simulate_params import SimulateParams
from psface.simulate.state import (
    AMBIENT_FRAME,
    NOISE,
    STUBBLE,
    Person,
    SessionState,
    draw_person,
    draw_session,
    stream,
)
from psface.simulate.true_rig import TrueRig, draw_rig
from psface.simulate.varied_rig import capture_rig
from psface.stereo.map_files import Maps, write_maps

FIRST_SESSION = datetime(2008, 3, 3, 8, 0, 0)
SECONDS_APART = 29  # between the people of one day
DAY = 36_000  # seconds of a day in which the rig is in use


def session_name(number: int, session: int) -> str:
    """Name of a capture's folder: its date and time."""
    seconds = SECONDS_APART * number % DAY
    moment = FIRST_SESSION + timedelta(days=session, seconds=seconds)
    return moment.strftime("%Y-%m-%d_%H-%M-%S")


def render_frames(scene: Scene, state: SessionState) -> np.ndarray:
    """Render frames (4, H, W) of the ideal rig in grey levels, unclipped and without noise.

    They are moved by their shifts.
    """
    frames = []
    for light, gain, shift in zip(
        light_directions(), state.conditions.light_gains, state.shifts, strict=True
    ):
        frame: np.ndarray = (
            WHITE * gain * shade(scene.surface, light, state.conditions, scene.scale)
        )
        frames.append(displaced(frame, shift))
    return np.stack(frames)


def add_noise(frames: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Add read-out and shot noise and quantise to 8 bits.

    `noise` is the standard deviation, in grey levels, in the middle of the range.
    """
    return digitised(noisy(frames, noise, rng), "linear")


def light_source_text(lights: np.ndarray) -> str:
    """Format directions (n, 3) as the rig does: slant and clockwise azimuth in degrees."""
    slant = np.degrees(np.arccos(lights[:, 2]))
    azimuth = np.degrees(np.arctan2(lights[:, 0], lights[:, 1])) % 360
    rows = [f"90-{r:.3f} 360-{a:.3f};" for r, a in zip(slant, azimuth, strict=True)]
    return "\n".join(["LightAngle = [", *rows, "];", ""])


def metadata_text(attributes: Attributes) -> str:
    """Format labels as in ``metadataII.txt``; quality is ok and nothing is occluded."""
    a = attributes
    return f"{a.gender}, {a.spectacles}, {a.facial_hair}, {a.pose}, ok,  , {a.emotion}, \n"


@dataclass(frozen=True)
class Recording:
    """What is written of a capture.

    Attributes
    ----------
    frames : (n, H, W) uint8
    ambient : (H, W) uint8 or None
        A frame with all lamps off.
    maps : Maps
        True maps of frame 0.
    truth : dict
        What else is true, for ``truth.json``.
    lights : (n, 3) or None
        Directions for ``LightSource.m``; None if a rig file tells them.
    """

    frames: np.ndarray
    ambient: np.ndarray | None
    maps: Maps
    truth: dict[str, Any]
    lights: np.ndarray | None


def _truth(state: SessionState, scale: float) -> dict[str, Any]:
    return {
        "yaw": state.yaw,
        "pitch": state.pitch,
        "roll": state.roll,
        "shifts": state.shifts.tolist(),
        "noise": state.noise,
        "pixels_per_mm": scale,
        "conditions": asdict(state.conditions),
        "expression": asdict(state.expression),
        "hair": state.hair.style,
    }


def record(scene: Scene, state: SessionState, noise: np.random.Generator) -> Recording:
    """Record a capture by the ideal rig."""
    frames = add_noise(render_frames(scene, state), state.noise, noise)
    maps = true_maps(scene, state.conditions.exposure)
    return Recording(frames, None, maps, _truth(state, scene.scale), light_directions())


def record_by(
    rig: TrueRig,
    params: SimulateParams,
    seed: int,
    number: int,
    session: int,
    scene: Scene,
    state: SessionState,
) -> Recording:
    """Record capture `session` of person `number` by a rig that is not ideal."""
    faults = draw_faults(rig.params, seed, number, session, len(rig.strengths))
    shots = shoot(scene, state, rig, faults)
    rng = stream(seed, NOISE, number, session)
    frames = digitised(noisy(shots.frames, state.noise, rng), rig.params.response)
    strengths = rig.strengths * state.conditions.light_gains
    truth: dict[str, Any] = {
        "frame_lamps": list(faults.lamps),
        "failed_lamp": faults.failed,
        "frame_gains": list(shots.gains),
        "lamp_strengths": strengths.tolist(),
        "head_mm": rig.head_position(scene.camera).tolist(),
    }
    ambient = None
    if rig.params.ambient_frame:
        rng = stream(seed, AMBIENT_FRAME, number, session)
        shift = params.motion * rng.uniform(-1, 1, 2)
        unlit = shoot_ambient(scene, state, rig, shift)
        ambient = digitised(noisy(unlit.frames, state.noise, rng), rig.params.response)[0]
        truth |= {"ambient_shift": shift.tolist(), "ambient_gain": unlit.gains[0]}
    maps = true_maps(scene, state.conditions.exposure)
    depth = rig.depth_mm(scene.surface.depth, scene.camera)
    depth = np.where(maps.mask, depth, np.float32(0))
    maps = replace(maps, depth=depth, mm_per_px=1 / rig.scale)
    lights = rig.directions if rig.params.varied else None
    return Recording(frames, ambient, maps, _truth(state, scene.scale) | {"rig": truth}, lights)


def write_session(
    folder: Path, recording: Recording, attributes: Attributes, landmarks: np.ndarray
) -> None:
    """Write a capture's files to `folder`, which appears complete or not at all."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with writing(folder):
        partial.mkdir(parents=True)
        _write_files(partial, recording, attributes, landmarks)
        partial.rename(folder)


def _write_files(
    partial: Path, recording: Recording, attributes: Attributes, landmarks: np.ndarray
) -> None:
    for index, frame in enumerate(recording.frames):
        _write_picture(partial / f"im{index}.bmp", frame)
    if recording.ambient is not None:
        _write_picture(partial / "ambient.png", recording.ambient)
    if recording.lights is not None:
        (partial / "LightSource.m").write_text(light_source_text(recording.lights))
    (partial / "metadataII.txt").write_text(metadata_text(attributes))
    (partial / "truth.json").write_text(json.dumps(recording.truth, indent=2) + "\n")
    with (partial / "landmarks.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["name", "x", "y"])
        for name, (x, y) in zip(LANDMARKS, landmarks, strict=True):
            rows.writerow([name, f"{x:.3f}", f"{y:.3f}"])
    write_maps(partial / "truth.exr", recording.maps)


def _write_picture(path: Path, image: np.ndarray) -> None:
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def prepare_session(
    params: SimulateParams, seed: int, number: int, session: int
) -> tuple[Person, SessionState]:
    """Draw person `number` and their capture `session`; both count from zero."""
    person = draw_person(seed, number, params.identity_variance, params.fine_detail)
    state = draw_session(
        seed,
        number,
        session,
        person,
        yaw_sd=params.yaw_sd,
        motion=params.motion,
        noise=params.noise,
        redraw_hair=params.redraw_hair,
    )
    if params.rig.ambient is not None:
        conditions = replace(state.conditions, ambient=params.rig.ambient)
        state = replace(state, conditions=conditions)
    return person, state


def simulate_session(
    params: SimulateParams, seed: int, out: Path, person_and_session: tuple[int, int]
) -> Path:
    """Render and write one capture; return its folder."""
    number, session = person_and_session
    folder = out / "Photometric_DB" / f"{number + 1:04d}" / session_name(number, session)
    if not folder.exists():  # of a killed run
        recording, attributes, landmarks = record_session(params, seed, number, session)
        write_session(folder, recording, attributes, landmarks)
    return folder


def record_session(
    params: SimulateParams, seed: int, number: int, session: int
) -> tuple[Recording, Attributes, np.ndarray]:
    """Render one capture; return it, its labels and the landmarks (5, 2) of frame 0 in px."""
    person, state = prepare_session(params, seed, number, session)
    stubble = stream(seed, STUBBLE, number, session)
    distance = params.rig.camera_distance_mm
    scene = build_scene(person, state, params.width, params.height, stubble, distance)
    if params.rig.varied:
        rig, state = capture_rig(params, seed, number, session, state)
        recording = record_by(rig, params, seed, number, session, scene, state)
    elif params.rig.ideal:
        recording = record(scene, state, stream(seed, NOISE, number, session))
    else:
        rig = draw_rig(params, seed)
        recording = record_by(rig, params, seed, number, session, scene, state)
    return recording, state.attributes, scene.landmarks
