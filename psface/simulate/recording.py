"""Draw, render and write one capture of one person, as the rig would."""

import csv
import json
import shutil
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from psface.captures.capture import LANDMARKS
from psface.disk import writing
from psface.simulate.labels import Attributes
from psface.simulate.light import light_directions, shade
from psface.simulate.scene import Scene, build_scene, true_maps
from psface.simulate.simulate_params import SimulateParams
from psface.simulate.state import (
    NOISE,
    STUBBLE,
    Person,
    SessionState,
    draw_person,
    draw_session,
    stream,
)
from psface.stereo.map_files import write_maps

FIRST_SESSION = datetime(2008, 3, 3, 8, 0, 0)
SECONDS_APART = 29  # between the people of one day
DAY = 36_000  # seconds of a day in which the rig is in use
WHITE = 255


def session_name(number: int, session: int) -> str:
    """Name of a capture's folder: its date and time."""
    seconds = SECONDS_APART * number % DAY
    moment = FIRST_SESSION + timedelta(days=session, seconds=seconds)
    return moment.strftime("%Y-%m-%d_%H-%M-%S")


def render_frames(scene: Scene, state: SessionState) -> np.ndarray:
    """Render frames (4, H, W) in grey levels, moved by their shifts, unclipped, without noise."""
    frames = []
    for light, gain, shift in zip(
        light_directions(), state.conditions.light_gains, state.shifts, strict=True
    ):
        frame: np.ndarray = (
            WHITE * gain * shade(scene.surface, light, state.conditions, scene.scale)
        )
        if shift.any():
            move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
            size = frame.shape[::-1]
            frame = cv2.warpAffine(
                frame, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
            )
        frames.append(frame)
    return np.stack(frames)


def add_noise(frames: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Add read-out and shot noise and quantise to 8 bits.

    `noise` is the standard deviation, in grey levels, in the middle of the range.
    """
    variance = (0.5 + np.maximum(frames, 0) / 128) / 1.5
    grain = rng.standard_normal(frames.shape, dtype=np.float32)
    noisy = frames + np.float32(noise) * np.sqrt(variance) * grain
    return np.clip(np.round(noisy), 0, WHITE).astype(np.uint8)


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


def _truth_text(state: SessionState, scale: float) -> str:
    truth = {
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
    return json.dumps(truth, indent=2) + "\n"


def write_session(folder: Path, frames: np.ndarray, scene: Scene, state: SessionState) -> None:
    """Write a capture's files to `folder`, which appears complete or not at all."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with writing(folder):
        partial.mkdir(parents=True)
        _write_files(partial, frames, scene, state)
        partial.rename(folder)


def _write_files(partial: Path, frames: np.ndarray, scene: Scene, state: SessionState) -> None:
    for index, frame in enumerate(frames):
        (partial / f"im{index}.bmp").write_bytes(cv2.imencode(".bmp", frame)[1].tobytes())
    (partial / "LightSource.m").write_text(light_source_text(light_directions()))
    (partial / "metadataII.txt").write_text(metadata_text(state.attributes))
    (partial / "truth.json").write_text(_truth_text(state, scene.scale))
    with (partial / "landmarks.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["name", "x", "y"])
        for name, (x, y) in zip(LANDMARKS, scene.landmarks, strict=True):
            rows.writerow([name, f"{x:.3f}", f"{y:.3f}"])
    write_maps(partial / "truth.exr", true_maps(scene, state.conditions.exposure))


def prepare_session(
    params: SimulateParams, seed: int, number: int, session: int
) -> tuple[Person, SessionState]:
    """Draw person `number` and their capture `session`; both count from zero."""
    person = draw_person(seed, number, params.identity_variance)
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
    return person, state


def simulate_session(
    params: SimulateParams, seed: int, out: Path, person_and_session: tuple[int, int]
) -> Path:
    """Render and write one capture; return its folder."""
    number, session = person_and_session
    folder = out / "Photometric_DB" / f"{number + 1:04d}" / session_name(number, session)
    if folder.exists():  # of a killed run
        return folder
    person, state = prepare_session(params, seed, number, session)
    stubble = stream(seed, STUBBLE, number, session)
    scene = build_scene(person, state, params.width, params.height, stubble)
    noise = stream(seed, NOISE, number, session)
    frames = add_noise(render_frames(scene, state), state.noise, noise)
    write_session(folder, frames, scene, state)
    return folder
