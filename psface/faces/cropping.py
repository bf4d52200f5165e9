"""Aligned crops of a capture: the one code path of the pipeline and of trained models."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from psface.captures.capture import Pixels
from psface.detect.face import Face
from psface.errors import UserError
from psface.faces.alignment import crop_image, face_oval, similarity
from psface.faces.crop_lights import crop_lights
from psface.faces.crop_params import CropParams
from psface.faces.lamp_check import LampTrust, check_lamps
from psface.faces.locate import find_face, find_faces
from psface.faces.map_crops import crop_maps
from psface.faces.modalities import Map
from psface.faces.stored_planes import stored_pixels
from psface.stereo.aligned_frames import align
from psface.stereo.map_files import Maps

WHOLE: tuple[Map, ...] = ("normalmap", "frames")


@dataclass(frozen=True)
class Crop:
    """One face, cropped alike from all maps of a capture.

    Attributes
    ----------
    face : Face
        Position in pixels of frame 0, with the landmarks used for alignment.
    found_on : str
        Image it was found on: "mean", "frame 2", "albedo", "picture"; "template" if the picture
        is already a crop, "given" if the landmarks came with the capture.
    planes : dict of str to (C, size, size) float16
        By map; pictures have only ``raw``. ``frames`` are ordered by the azimuth of their lights.
        Pictures and frames of eight bits have no more here (`psface.faces.stored_planes`).
    trust : LampTrust or None
        What the face tells about the lights of a capture.
    whole : dict of str to (C, size, size) float16
        ``normalmap`` and ``frames`` of a capture as they are without a zoom, if asked for, for what
        knows whole faces (`psface.liveness`).
    """

    face: Face
    found_on: str
    planes: dict[Map, np.ndarray]
    trust: LampTrust | None = None
    whole: dict[Map, np.ndarray] = field(default_factory=dict)


def crop_capture(
    pixels: Pixels, maps: Maps | None, params: CropParams, whole: bool = True
) -> Crop | None:
    """Crop the capture's face nearest to the image's centre; None if none is found.

    Parameters
    ----------
    pixels : Pixels
        As captured.
    maps : Maps or None
        Of a capture under known lights; their shifts register its frames.
    whole : bool
        Whether a zoomed crop also has `Crop.whole`, which takes as long as its own planes.

    Raises
    ------
    UserError
        If the face contradicts the lights, and ``params.untrusted`` says to refuse it.
    """
    if maps is not None and maps.shifts is not None:
        pixels = registered(pixels, maps.shifts)
    albedo = None if maps is None else maps.albedo
    found = find_face(pixels.visible, albedo, pixels.landmarks, params)
    if found is None:
        return None
    face, found_on = found
    crop = crop_at(face, found_on, pixels, maps, params, whole)
    if crop.trust and crop.trust.warnings and params.untrusted == "refuse":
        raise UserError("; ".join(map(str, crop.trust.warnings)) + " (crop.untrusted)")
    return crop


def crop_picture(pixels: Pixels, params: CropParams) -> list[Crop]:
    """Crop all faces of a picture, highest score first."""
    faces = find_faces(pixels.grey[0], params)
    return [crop_at(face, "picture", pixels, None, params) for face in faces]


def crop_at(
    face: Face,
    found_on: str,
    pixels: Pixels,
    maps: Maps | None,
    params: CropParams,
    whole: bool = True,
) -> Crop:
    """Crop a face with known landmarks from registered frames."""
    assert face.landmarks is not None
    size = params.size
    cut = _cut(face, pixels, params, params.zoom)
    matrix, kept, frames = cut
    planes: dict[Map, np.ndarray] = {}
    raw = frames[:1]
    if params.colour:
        assert pixels.colour is not None
        raw = np.moveaxis(crop_image(pixels.colour, matrix, size), -1, 0)
    planes["raw"] = stored_pixels(raw, kept, params, pixels.eight_bit)
    if maps is None:
        return Crop(face, found_on, _in_halves(planes))
    halves = _in_halves(planes | _map_planes(pixels, maps, params, *cut))
    zoomed = params.zoom != 1
    # The lights are judged by the whole face.
    unzoomed = _cut(face, pixels, params, 1.0) if zoomed else cut
    trust = _trust(face, pixels, maps, *unzoomed)
    if not whole:
        return Crop(face, found_on, halves, trust)
    shown = _in_halves(_map_planes(pixels, maps, params, *unzoomed)) if zoomed else halves
    return Crop(face, found_on, halves, trust, {name: shown[name] for name in WHOLE})


def _map_planes(
    pixels: Pixels,
    maps: Maps,
    params: CropParams,
    matrix: np.ndarray,
    kept: np.ndarray,
    frames: np.ndarray,
) -> dict[Map, np.ndarray]:
    """The planes of a capture under known lights, but ``raw``."""
    cropped = crop_maps(maps, matrix, kept)
    by_azimuth = np.argsort(np.arctan2(pixels.lights[:, 1], pixels.lights[:, 0]), kind="stable")
    each = [stored_pixels(f[None], kept, params, pixels.eight_bit) for f in frames[by_azimuth]]
    return {
        "albedo": cropped.albedo[None],
        "normalmap": cropped.normal,
        "depthmap": cropped.depth[None],
        "frames": np.concatenate(each),
    }


def _in_halves(planes: dict[Map, np.ndarray]) -> dict[Map, np.ndarray]:
    return {name: plane.astype(np.float16) for name, plane in planes.items()}


def _cut(
    face: Face, pixels: Pixels, params: CropParams, zoom: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The transform into a crop, the part of it that is kept, and the frames, cut."""
    assert face.landmarks is not None
    size = params.size
    matrix = similarity(face.landmarks, size, zoom)
    kept = face_oval(size, zoom) if params.oval else np.ones((size, size), bool)
    frames = np.stack([crop_image(frame, matrix, size) * kept for frame in pixels.grey])
    return matrix, kept, frames


def _trust(
    face: Face,
    pixels: Pixels,
    maps: Maps,
    matrix: np.ndarray,
    kept: np.ndarray,
    frames: np.ndarray,
) -> LampTrust:
    assert face.landmarks is not None
    size = len(kept)
    valid = (crop_image(maps.mask, matrix, size) > 0.5) & kept
    landmarks = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
    return check_lamps(frames, crop_lights(pixels, maps, matrix, size), valid, landmarks)


def registered(pixels: Pixels, shifts: np.ndarray) -> Pixels:
    """Return a capture with its frames (n, H, W) moved back by their shifts (n, 2)."""
    return replace(pixels, grey=align(pixels.grey, shifts))
