"""``psface measure mean-face``: make the mean face that `psface.faces.lamp_check` compares with.

The package's own file was made by ``psface measure mean-face``, from 300 simulated people.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import cv2
import numpy as np

from psface.config import Selection, load
from psface.errors import UserError
from psface.faces.alignment import TEMPLATE, crop_image, face_oval, similarity
from psface.faces.crop_params import CropParams
from psface.faces.locate import find_face
from psface.faces.map_crops import crop_maps
from psface.faces.mean_face import ASSET, COMPONENTS, SIDE, MeanFace, learn_mean_face
from psface.parallel import map_in_processes
from psface.running import PATH
from psface.simulate.recording import prepare_session, render_frames
from psface.simulate.scene import build_scene, true_maps
from psface.simulate.sensor import WHITE
from psface.simulate.simulate_params import SimulateParams
from psface.simulate.state import STUBBLE, stream

SEED = 9123  # unlike params.yaml's and those of the measurements
YAW_SD = 15.0  # degrees: wider than the pipeline's, so that the model knows turned heads
EDGE = 0.9  # share of a small crop's pixel that shows the face

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]  # normals, where they are valid, landmarks


class Sections(Selection):
    simulate: SimulateParams
    crop: CropParams


@click.command(epilog="Example: psface measure mean-face --people 300")
@click.option("--people", type=click.IntRange(2 * COMPONENTS), default=300, show_default=True)
@click.option(
    "--faces",
    type=PATH,
    metavar="FOLDER",
    help="Learn from these crops (data/faces) instead, whose lights must be right.",
)
@click.option("--out", type=PATH, default=ASSET, show_default=True, metavar="FILE")
def mean_face_model(people: int, faces: Path | None, out: Path) -> None:
    """Make the mean face, from simulated people of known normals.

    Exit status: 0; 1 if the crops are too few or cannot be read; 2 for wrong arguments.
    """
    params = load(Sections)
    if faces is not None and params.crop.zoom != 1:
        raise UserError(
            f"params.yaml: crop.zoom={params.crop.zoom:g} shows a part of the face, and the mean "
            "face is all of it; cut crops with crop.zoom=1.0"
        )
    model = simulated_face(params, people) if faces is None else face_of_crops(faces)
    model.write(out)
    print(f"measure: {out}")


def simulated_face(params: Sections, people: int) -> MeanFace:
    """Learn from simulated people, a capture each, cropped by the landmarks that are detected."""
    work = partial(_sample, params.simulate, params.crop)
    samples = [s for s in map_in_processes(work, range(people), "mean face") if s is not None]
    return learn_mean_face(*(np.stack(part) for part in zip(*samples, strict=True)))


def face_of_crops(folder: Path) -> MeanFace:
    """Learn from the normal maps of a crop stage; without its landmarks, turns are not known."""
    path = folder / "normalmap.npy"
    try:
        crops = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable; run `dvc repro crop`") from error
    if len(crops) < 2 * COMPONENTS:
        raise UserError(f"{path}: {len(crops)} faces; the mean face needs {2 * COMPONENTS}")
    small = np.stack([[_shrunk(plane) for plane in crop] for crop in crops])
    length = np.linalg.norm(small, axis=1)
    valid = (length > EDGE / 2) & face_oval(SIDE)
    normals = small / np.maximum(length, 1e-6)[:, None] * valid[:, None]
    landmarks = np.broadcast_to(TEMPLATE, (len(small), 5, 2))
    return learn_mean_face(normals, valid, landmarks)


def _shrunk(plane: np.ndarray) -> np.ndarray:
    return cv2.resize(plane.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _sample(simulate: SimulateParams, crop: CropParams, number: int) -> Sample | None:
    turned = simulate.model_copy(update={"yaw_sd": YAW_SD})
    person, state = prepare_session(turned, SEED, number, 0)
    stubble = stream(SEED, STUBBLE, number, 0)
    scene = build_scene(person, state, simulate.width, simulate.height, stubble)
    still = replace(state, shifts=np.zeros_like(state.shifts))
    frames = np.clip(render_frames(scene, still) / WHITE, 0, 1).astype(np.float32)
    found = find_face(frames, None, None, crop)
    if found is None or found[0].landmarks is None:
        return None
    points = found[0].landmarks
    matrix = similarity(points, SIDE)
    maps = true_maps(scene, 1.0)
    valid = (crop_image(maps.mask, matrix, SIDE) > EDGE) & face_oval(SIDE)
    normals = crop_maps(maps, matrix, valid).normal
    placed = (np.column_stack([points, np.ones(5)]) @ matrix.T) / SIDE
    return normals.astype(np.float64), valid, placed
