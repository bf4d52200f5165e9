"""An ellipsoid under near lamps, seen by a perspective camera: rendered ray by ray."""

from dataclasses import dataclass

import numpy as np

from psface.captures.capture import Pixels
from psface.rig.rig import Camera, Lamp, Rig

WIDTH, HEIGHT = 90, 110
FOCAL = (330.0, 300.0)
CENTRE = (47.0, 51.0)
AXES = np.array([75.0, 95.0, 70.0])  # mm
MIDDLE = np.array([4.0, -6.0, -720.0])


@dataclass(frozen=True)
class Scene:
    """What the camera sees, in mm.

    Attributes
    ----------
    points, normal : (3, H, W)
    mask : (H, W) bool
        Where the surface is not seen too obliquely.
    """

    points: np.ndarray
    normal: np.ndarray
    mask: np.ndarray


def rays() -> np.ndarray:
    """Directions (3, H, W) of the pixels, of depth 1."""
    out = np.zeros((3, HEIGHT, WIDTH))
    for row, column in np.ndindex(HEIGHT, WIDTH):
        out[:, row, column] = (
            (column - CENTRE[0]) / FOCAL[0],
            -(row - CENTRE[1]) / FOCAL[1],
            -1.0,
        )
    return out


def ellipsoid() -> Scene:
    """Where each ray first meets the ellipsoid: a quadratic equation in its length."""
    ray = rays()
    scaled, start = ray / AXES[:, None, None], -MIDDLE / AXES
    a = (scaled**2).sum(axis=0)
    b = 2 * np.tensordot(start, scaled, 1)
    root = b**2 - 4 * a * (start @ start - 1)
    length = (-b - np.sqrt(np.maximum(root, 0))) / (2 * a)
    points = ray * length
    normal = (points - MIDDLE[:, None, None]) / AXES[:, None, None] ** 2
    normal /= np.linalg.norm(normal, axis=0)
    seen = -(normal * ray).sum(axis=0) / np.linalg.norm(ray, axis=0)
    return Scene(points, normal, (root > 0) & (seen > 0.4))


def rig(scene: Scene, strengths=(1.0, 0.8, 1.3, 1.1, 0.7, 1.0), anisotropy: float = 2.0) -> Rig:
    """Lamps half a metre about the face, that point a little beside it."""
    lamps = []
    for number, strength in enumerate(strengths):
        around = 2 * np.pi * (number + 0.2) / len(strengths)
        place = np.array([330 * np.cos(around), 330 * np.sin(around), -330 + 20 * number])
        axis = MIDDLE + [20, -30, 40] - place
        given = {"axis": tuple(axis / np.linalg.norm(axis)), "anisotropy": anisotropy}
        lamps.append(Lamp(position_mm=tuple(place), intensity=strength, **given))
    camera = Camera(width_px=WIDTH, height_px=HEIGHT, focal_px=FOCAL, centre_px=CENTRE)
    distance = float(np.median(-scene.points[2][scene.mask]))
    return Rig(camera=camera, lamps=tuple(lamps), distance_mm=distance)


def light_at(lamp: Lamp, point: np.ndarray) -> np.ndarray:
    """A lamp's light vector (3,) at a point in mm, by its formula."""
    to_lamp = np.array(lamp.position_mm) - point
    r = np.sqrt(to_lamp @ to_lamp)
    axis = np.array(lamp.axis) / np.sqrt(np.array(lamp.axis) @ np.array(lamp.axis))
    cosine = max(-(axis @ to_lamp) / r, 0.0)
    return lamp.strength * cosine**lamp.anisotropy * to_lamp / r**3


def frames(scene: Scene, rig: Rig, albedo: np.ndarray) -> np.ndarray:
    """Lambertian frames (n, H, W) float32 with attached shadows, the brightest 0.9."""
    out = np.zeros((len(rig.lamps), HEIGHT, WIDTH))
    for number, lamp in enumerate(rig.lamps):
        for at in np.argwhere(scene.mask):
            row, column = at
            light = light_at(lamp, scene.points[:, row, column])
            shading = max(scene.normal[:, row, column] @ light, 0.0)
            out[number, row, column] = albedo[row, column] * shading
    return np.float32(0.9 * out / out.max())


def texture() -> np.ndarray:
    rows, columns = np.indices((HEIGHT, WIDTH))
    return 0.6 + 0.2 * np.sin(rows / 5) * np.cos(columns / 7)


def pixels(scene: Scene, rig: Rig, images: np.ndarray) -> Pixels:
    return Pixels(images, None, rig.lights(), None, rig=rig, mask=scene.mask)
