"""Parts around the face: ears, neck, torso and hanging hair."""

import numpy as np

from psface.simulate.canvas import Canvas, smoothstep
from psface.simulate.hair import HairStyle, strand_noise
from psface.simulate.identity import Identity
from psface.simulate.mesh import Mesh, grid_mesh

EAR_Y, EAR_Z = -12.0, -92.0  # mm, of an ear's attached edge
EAR_HALF_HEIGHT, EAR_HALF_WIDTH = 31.0, 17.0
EAR_SUNK = 7.0  # mm of an ear inside the head
EAR_ANGLES, EAR_RINGS = 26, 14
NECK_RADIUS = {"male": 53.0, "female": 45.0}
NECK_Z = -108.0
NECK_SHADE = 0.78  # of the face's albedo, for light that the head blocks
TORSO_CENTRE = (0.0, -296.0, -125.0)
TORSO_RADII = (225.0, 150.0, 95.0)
TORSO_EXPONENT = 0.62
DRAPE_FRONT = -85.0
DRAPE_HALF_HEIGHT = {"long": 120.0, "medium": 65.0}


def ear(identity: Identity, canvas: Canvas, side: int) -> Mesh:
    """Ear on the image's right (`side` 1) or left (-1): a disc with a rim and a hollow."""
    scale, flare = identity.head.ear_scale, identity.head.ear_flare
    angle = np.linspace(0, 2 * np.pi, EAR_ANGLES, endpoint=False)
    radius = np.linspace(1, 0.02, EAR_RINGS)[:, None]
    egg = 1 - 0.14 * np.sin(angle) * np.cos(angle)
    back = EAR_HALF_WIDTH * scale * (1 + radius * np.cos(angle) * egg)
    up = EAR_HALF_HEIGHT * scale * radius * np.sin(angle) * (1 + 0.05 * np.cos(angle))
    rim = np.exp(-(((radius - 0.86) / 0.12) ** 2)) * smoothstep(-1.0, -0.2, np.cos(angle))
    hollow = np.exp(-((back - 0.75 * EAR_HALF_WIDTH) ** 2 / 70 + (up + 4) ** 2 / 160))
    antihelix = np.exp(-(((radius - 0.55) / 0.12) ** 2)) * smoothstep(-0.2, 0.5, np.cos(angle))
    out = 3.2 * rim + 1.6 * antihelix - 5.0 * hollow - 4 * smoothstep(0.9, 1.0, radius)
    row = int(np.searchsorted(canvas.y[:, 0], EAR_Y))
    attached = float(np.abs(canvas.x[row]).max()) - EAR_SUNK
    x = side * (attached + back * np.sin(flare) + out * np.cos(flare))
    z = EAR_Z - back * np.cos(flare) + out * np.sin(flare)
    y = EAR_Y + up - 0.15 * (back - EAR_HALF_WIDTH)
    points = np.stack(np.broadcast_arrays(x, y, z), -1)
    albedo = identity.complexion.skin * (0.93 - 0.30 * np.clip(hollow, 0, 1))
    if side < 0:  # mirrored, so reverse the faces' winding
        points, albedo = points[:, ::-1], albedo[:, ::-1]
    return grid_mesh(points, albedo, 0.7 * identity.complexion.specular, closed=True)


def neck(identity: Identity) -> Mesh:
    """Upright cylinder that widens towards the shoulders."""
    angle = np.linspace(-1.7, 1.7, 56)
    y = np.linspace(-260, -62, 50)[:, None]
    radius = NECK_RADIUS[identity.gender] * (1 + 0.35 * smoothstep(-150, -215, y))
    x = radius * np.sin(angle)
    z = NECK_Z - 0.12 * (y + 62) * smoothstep(-62, -140, y) + 0.92 * radius * np.cos(angle)
    z = z - 70 * smoothstep(-178, -205, y)  # under the clothes
    # Two tendons and, on men, a larynx.
    z = z + 2.5 * np.exp(-(((np.abs(x) - 22 - 0.15 * (y + 150)) / 6) ** 2))
    if not identity.female:
        z = z + 4 * np.exp(-((x / 8) ** 2) - ((y + 150) / 14) ** 2)
    points = np.stack(np.broadcast_arrays(x, y, z), -1)
    return grid_mesh(
        points, NECK_SHADE * identity.complexion.skin, 0.5 * identity.complexion.specular
    )


def torso(albedo: float, scale: float) -> Mesh:
    """Upper body in plain clothes of one `albedo`; `scale` sets the width of the shoulders."""
    longitude = np.linspace(-1.65, 1.65, 64)
    latitude = np.linspace(-0.3, np.pi / 2, 48)[:, None]

    def power(value: np.ndarray) -> np.ndarray:
        return np.sign(value) * np.abs(value) ** TORSO_EXPONENT

    x = TORSO_CENTRE[0] + scale * TORSO_RADII[0] * power(np.cos(latitude)) * power(
        np.sin(longitude)
    )
    y = TORSO_CENTRE[1] + TORSO_RADII[1] * power(np.sin(latitude)) + 0 * longitude
    y = y + 14 * np.exp(-((x / 70) ** 2)) * smoothstep(0.6, 1.5, latitude)
    z = TORSO_CENTRE[2] + TORSO_RADII[2] * power(np.cos(latitude)) * power(np.cos(longitude))
    return grid_mesh(np.stack(np.broadcast_arrays(x, y, z), -1), albedo, 0.01)


def drape(identity: Identity, style: HairStyle) -> Mesh:
    """Hair that hangs behind the neck."""
    rows, columns = 90, 110
    longitude = np.linspace(-1.65, 1.65, columns)
    latitude = np.linspace(-np.pi / 2, np.pi / 2, rows)[:, None]
    half_height, half_width = DRAPE_HALF_HEIGHT[style.style], 72 + 0.6 * style.thickness
    strands = strand_noise(style.seed, rows, columns)
    round_off = np.abs(np.cos(latitude)) ** 0.45
    x = half_width * round_off * np.sin(longitude)
    y = -20 - half_height + half_height * np.sin(latitude) + 0 * x
    depth = 45 * round_off * np.abs(np.cos(longitude)) ** 0.7 + 0.5 * strands
    z = DRAPE_FRONT - 45 + depth
    albedo = identity.complexion.hair * np.exp(0.3 * strands)
    return grid_mesh(np.stack([x, y, z], -1), albedo, 0.05)
