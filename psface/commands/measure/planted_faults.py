"""Captures with planted faults, and what the checks say of them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations

import numpy as np

from psface.captures.capture import Capture, Pixels
from psface.faces.alignment import crop_image, face_oval, similarity
from psface.faces.crop_lights import crop_lights
from psface.faces.crop_params import CropParams
from psface.faces.lamp_check import LampTrust, check_lamps
from psface.faces.lamp_hypotheses import FLIPS, Lights
from psface.faces.locate import find_face
from psface.faces.map_crops import crop_maps
from psface.faces.rig_check import Checked
from psface.faces.trust_findings import restored
from psface.stereo.compute import compute_maps, moved_back
from psface.stereo.map_files import Maps
from psface.stereo.normals import photometric_stereo
from psface.stereo.registration import register
from psface.stereo.stereo_params import StereoParams
from psface.stereo.trust.stereo_check import StereoTrust

SIDE = 64  # px of the crops
ORDERS = 5  # tried per capture, at random
GAMMA = 2.2
AMBIENT, DIM, DEAD, NOISE = 0.05, 0.7, 0.03, 0.004
SLANTS = (0.7, 0.85, 1.2, 1.5)  # of the lights' sine from the axis
TURN, MOVED = np.radians(8), np.radians(25)  # of all lamps, of one
RIGHT = 6.0  # degrees, as the mean over the directions of a face: a remedy that gives the normals

NONE = "none (false alarms)"


@dataclass(frozen=True)
class Planted:
    """A capture with a fault.

    ``change`` of the normals in degrees; ``mended`` says for wrong lights whether those that the
    check suggests give the true normals.
    """

    fault: str
    change: float
    checked: Checked
    mended: bool | None = None


@dataclass(frozen=True)
class Sitting:
    """A capture whose frames are registered, and the landmarks of its face."""

    pixels: Pixels
    landmarks: np.ndarray
    stereo: StereoParams

    def planted(self, rng: np.random.Generator) -> Iterator[Planted]:
        """Plant every fault; the capture as it is comes first."""
        maps = self._maps(self.pixels)
        yield Planted(NONE, 0.0, self._checked(self.pixels, maps))
        yield from self._misread(rng)
        for fault, pixels in (*self._stale(), *self._altered(rng, maps)):
            wrong = self._maps(pixels)
            yield Planted(fault, self._change(maps, wrong), self._checked(pixels, wrong))

    def _misread(self, rng: np.random.Generator) -> Iterator[Planted]:
        """Lights in other orders, or with other signs."""
        lights = self.pixels.lights
        same = tuple(range(len(lights)))
        if len(same) <= 5:
            orders = list(permutations(same))[1:]
        else:
            orders = [tuple(rng.permutation(len(same)).tolist()) for _ in range(ORDERS)]
        readings = [("order", Lights(orders[k])) for k in rng.permutation(len(orders))[:ORDERS]]
        readings += [(f"flip {flip}", Lights(same, flip)) for flip in FLIPS if flip]
        for fault, reading in readings:
            flipped = partial(_turned, turn=FLIPS[reading.flip])
            pixels = _relit(self.pixels, reading.order, flipped)
            checked = self._checked(pixels, self._maps(pixels))
            assert checked.face is not None
            mended = Lights(checked.face.order, checked.face.flip).vectors(pixels.lights)
            right = change_of_normals(lights, mended) < RIGHT
            yield Planted(fault, change_of_normals(lights, pixels.lights), checked, right)

    def _stale(self) -> Iterator[tuple[str, Pixels]]:
        """Lamps elsewhere than the rig says."""
        same = tuple(range(len(self.pixels.lights)))
        for slant in SLANTS:
            slanted = partial(_slanted, factor=slant)
            yield f"slant x {slant:g}", _relit(self.pixels, same, slanted)
        for axis in "xyz":
            turned = partial(_turned, turn=_turn(axis, TURN))
            yield f"turned about {axis}", _relit(self.pixels, same, turned)
        first = partial(
            _turned, turn=_turn("z", MOVED), only=0
        )  # the same in all captures of a rig
        yield "one lamp moved", _relit(self.pixels, same, first)

    def _altered(self, rng: np.random.Generator, maps: Maps) -> Iterator[tuple[str, Pixels]]:
        """Frames that are not what the lamps gave."""
        frames, n = self.pixels.grey, len(self.pixels.grey)
        if maps.mm_per_px is None:
            normal, albedo = photometric_stereo(frames, self.pixels.lights)
        else:
            normal, albedo = maps.normal, maps.albedo
        sky = albedo * (0.5 + 0.5 * normal[2])
        means = frames.mean(axis=(1, 2))
        lamp = int(rng.integers(n))
        twin = np.clip(frames[(lamp + 1) % n] + rng.normal(0, NOISE, frames[0].shape), 0, 1)
        for fault, altered in (
            ("gamma 1/2.2", np.maximum(frames, 0) ** np.float32(1 / GAMMA)),
            ("ambient 5%", np.clip(frames + np.float32(AMBIENT) * sky, 0, 1)),
            ("ambient 10%", np.clip(frames + np.float32(2 * AMBIENT) * sky, 0, 1)),
            ("auto-exposure", frames * (means.min() / means)[:, None, None]),
            ("failed lamp", _with(frames, lamp, DEAD * sky)),
            ("one lamp twice", _with(frames, lamp, twin)),
            ("lamp at 70%", _with(frames, lamp, DIM * frames[lamp])),
        ):
            yield fault, replace(self.pixels, grey=altered.astype(np.float32))

    def _maps(self, pixels: Pixels) -> Maps:
        return compute_maps(pixels, self.stereo)

    def _checked(self, pixels: Pixels, maps: Maps) -> Checked:
        stereo = restored(StereoTrust, json.loads(maps.notes["trust"]))
        return Checked(pixels.lights, stereo, self._face(pixels, maps))

    def _face(self, pixels: Pixels, maps: Maps) -> LampTrust:
        matrix = similarity(self.landmarks, SIDE)
        crops = np.stack([crop_image(frame, matrix, SIDE) for frame in pixels.grey])
        inside = crop_image(maps.mask, matrix, SIDE) > 0.5
        points = np.column_stack([self.landmarks, np.ones(5)]) @ matrix.T
        return check_lamps(crops, crop_lights(pixels, maps, matrix, SIDE), inside, points)

    def _change(self, true: Maps, wrong: Maps) -> float:
        """Mean angle in degrees between normals with and without the fault, in the face."""
        matrix, oval = similarity(self.landmarks, SIDE), face_oval(SIDE)
        first, second = (crop_maps(maps, matrix, oval) for maps in (true, wrong))
        both = first.mask & second.mask
        cosine = np.clip((first.normal * second.normal).sum(axis=0)[both], -1, 1)
        return float(np.degrees(np.arccos(cosine)).mean()) if both.any() else 180.0


def planted(capture: Capture, crop: CropParams, stereo: StereoParams) -> list[Planted]:
    """The faults of one capture; none if it has no face."""
    pixels = capture.pixels()
    pixels = moved_back(pixels, register(pixels.visible))
    found = find_face(pixels.visible, None, pixels.landmarks, crop)
    if found is None or found[0].landmarks is None:
        return []
    still = stereo.model_copy(update={"register_frames": False, "untrusted": "warn"})
    rng = np.random.default_rng(zlib.crc32(capture.key.encode()))
    return list(Sitting(pixels, found[0].landmarks, still).planted(rng))


def change_of_normals(true: np.ndarray, given: np.ndarray) -> float:
    """Mean angle in degrees by which normals of a face go wrong if lights ``true`` (n, 3) are taken
    for ``given``.

    Examples
    --------
    >>> lights = np.array([[0.6, 0, 0.8], [-0.6, 0, 0.8], [0, 0.6, 0.8], [0, -0.6, 0.8]])
    >>> change_of_normals(lights, lights), change_of_normals(lights, lights * [-1, 1, 1]) > 20
    (0.0, True)
    """
    x, y = np.meshgrid(np.linspace(-0.7, 0.7, 5), np.linspace(-0.5, 0.5, 3))
    normal = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    normal /= np.linalg.norm(normal, axis=0)
    seen = np.linalg.pinv(given) @ true @ normal
    seen /= np.linalg.norm(seen, axis=0)
    cosine = np.clip((seen * normal).sum(axis=0), -1, 1)
    return round(float(np.degrees(np.arccos(cosine)).mean()), 3)


def _relit(
    pixels: Pixels, order: tuple[int, ...], change: Callable[[np.ndarray], np.ndarray]
) -> Pixels:
    """A capture whose rig gives its lamps in another order, and ``change`` (n, 3) -> (n, 3) of the
    vectors from the face to them; near lamps move and point accordingly."""
    rig, chosen = pixels.rig, list(order)
    if rig is None or not rig.near:
        return replace(pixels, lights=change(pixels.lights[chosen]))
    rig = rig.with_lamps(chosen)
    face = np.array([0, 0, -(rig.distance_mm or 0)])
    away = np.array([lamp.position_mm for lamp in rig.lamps]) - face
    axes = np.array([lamp.axis or (0, 0, -1) for lamp in rig.lamps])
    lamps = tuple(
        lamp.model_copy(update={"position_mm": tuple(face + to), "axis": tuple(axis)})
        for lamp, to, axis in zip(rig.lamps, change(away), -change(-axes), strict=True)
    )
    moved = rig.model_copy(update={"lamps": lamps})
    return replace(pixels, rig=moved, lights=moved.lights())


def _turned(vectors: np.ndarray, turn: np.ndarray, only: int | None = None) -> np.ndarray:
    """All vectors (n, 3) times a matrix, or only one of them."""
    turned = vectors @ turn.T
    return turned if only is None else _with(vectors, only, turned[only])


def _with(values: np.ndarray, place: int, value: np.ndarray) -> np.ndarray:
    out = values.copy()
    out[place] = value
    return out


def _turn(axis: str, angle: float) -> np.ndarray:
    """A rotation (3, 3) about x, y or z."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    turn = np.eye(3)
    turn[[first, second], [first, second]] = np.cos(angle)
    turn[second, first], turn[first, second] = np.sin(angle), -np.sin(angle)
    return turn


def _slanted(lights: np.ndarray, factor: float) -> np.ndarray:
    """Lights with ``factor`` times the sine of their angle from the camera's axis."""
    length = np.linalg.norm(lights, axis=1, keepdims=True)
    across = np.clip(lights[:, :2] / length * factor, -0.95, 0.95)
    along = np.sqrt(np.maximum(1 - (across**2).sum(axis=1, keepdims=True), 0.05))
    out = np.hstack([across, along])
    return out / np.linalg.norm(out, axis=1, keepdims=True) * length
