"""A person in a capture, assembled and seen by the camera."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from psface.simulate.canvas import Canvas
from psface.simulate.eyes import eye_front, paint_brows, sculpt_eyes
from psface.simulate.facial_hair import grow_facial_hair
from psface.simulate.hair import grow_hair
from psface.simulate.head import bare_head, sculpt_broad_relief
from psface.simulate.identity import Identity
from psface.simulate.light import Surface
from psface.simulate.mesh import ALBEDO, GLOSS, NORMAL, SPECULAR, grid_mesh, join
from psface.simulate.mouth import mouth_shape, sculpt_mouth
from psface.simulate.nose import sculpt_nasolabial_fold, sculpt_nose
from psface.simulate.parts import drape, ear, neck, torso
from psface.simulate.raster import FAR, Camera, Layer, rasterise
from psface.simulate.skin import paint_skin, wrinkle
from psface.simulate.spectacles import LENS_RADIUS, WornFrame, wear
from psface.simulate.state import Person, SessionState
from psface.simulate.true_rig import picture_scale
from psface.stereo.map_files import Maps

CENTRE_Y = -22.0  # mm; the height shown halfway down the picture
PIVOT = np.array([0.0, -70.0, -95.0])  # the point about which a head turns, mm
NECK_SHARE = 0.35  # of the head's rotation
SMALLEST_NZ = 0.02
FOREHEAD = 55.0  # mm above the eyes, where a face's box ends
CHEEKS = np.radians(75)  # from the front, where it ends on both sides
STEP = 8.0  # mm of depth within 3 pixels: a silhouette, where depth is meaningless


@dataclass(frozen=True)
class Scene:
    """The camera's view, before lighting.

    `landmarks` (5, 2) are pixel positions, x right and y down, in the order of
    `psface.captures.capture.LANDMARKS`; `face` is the box x1, y1, x2, y2 from the forehead to the
    chin and from cheek to cheek; `camera` is where the head is its origin.
    """

    surface: Surface
    landmarks: np.ndarray
    face: np.ndarray
    camera: Camera

    @property
    def scale(self) -> float:
        """Px/mm at the head."""
        return self.camera.scale


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation (3, 3) by angles in degrees, as `SessionState` defines them."""
    y, p, r = np.radians([yaw, -pitch, -roll])
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_x = [[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]]
    about_z = [[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]]
    return np.array(about_z) @ np.array(about_x) @ np.array(about_y)


def camera_for(width: int, height: int, state: SessionState, distance_mm: float) -> Camera:
    """Camera that frames the head like the reference picture; see `build_scene`."""
    scale = picture_scale(width, height) * state.scale
    return Camera(
        width=width,
        height=height,
        scale=scale,
        column=(width - 1) / 2 + scale * state.position[0],
        row=(height - 1) / 2 + scale * (CENTRE_Y - state.position[1]),
        nearness=state.scale / distance_mm if distance_mm else 0.0,
    )


def sculpt_face(face: Identity, state: SessionState, stubble: np.random.Generator) -> Canvas:
    """Sculpt the head without its hair."""
    canvas = bare_head(face, state.expression)
    sculpt_broad_relief(canvas, face, state.expression)
    paint_skin(canvas, face)
    wrinkle(canvas, face)
    sculpt_eyes(canvas, face, state.expression)
    sculpt_nose(canvas, face, state.expression)
    sculpt_nasolabial_fold(canvas, face, state.expression)
    sculpt_mouth(canvas, face, state.expression)
    paint_brows(canvas, face, state.expression)
    grow_facial_hair(canvas, face, state.expression, state.attributes.facial_hair, stubble)
    return canvas


def _landmarks(canvas: Canvas, face: Identity, state: SessionState) -> np.ndarray:
    """Positions (5, 3) in mm on the head at rest, in the order of `LANDMARKS`."""
    eye, eye_z = face.eyes.half_separation, eye_front(face)
    corners = mouth_shape(face, state.expression).corners
    points = [(-eye, 0.0, eye_z), (eye, 0.0, eye_z)]
    for x, y in ((0.0, face.nose.tip), *corners):
        row = int(np.searchsorted(canvas.y[:, 0], y))
        front = np.flatnonzero(np.abs(canvas.theta[0]) < np.pi / 2)
        column = front[np.argmin(np.abs(canvas.x[row, front] - x))]
        points.append((x, y, float(canvas.z[row, column])))
    return np.array(points)


def _face(canvas: Canvas) -> np.ndarray:
    """Points (n, 3) in mm of the head's surface, without hair, that make up the face."""
    points = np.stack(np.broadcast_arrays(canvas.x, canvas.y, canvas.z), -1)
    return points[(canvas.y <= FOREHEAD) & (np.abs(canvas.theta) <= CHEEKS)]


def build_scene(
    person: Person,
    state: SessionState,
    width: int,
    height: int,
    stubble: np.random.Generator,
    distance_mm: float = 0.0,
) -> Scene:
    """Assemble a person in a capture and render the view.

    Parameters
    ----------
    person, state : Person, SessionState
        The person and the state of the capture.
    width, height : int
        Size of the picture, px.
    stubble : Generator
        Decides how long ago a stubbled person shaved.
    distance_mm : float
        From the camera to a head of ``state.scale`` 1; others are nearer or farther. 0 is an
        orthographic camera.
    """
    camera = camera_for(width, height, state, distance_mm)
    face = person.face
    skin = face.complexion.skin + state.tan
    face = replace(face, complexion=replace(face.complexion, skin=skin))
    canvas = sculpt_face(face, state, stubble)
    landmarks = _landmarks(canvas, face, state)
    points = np.stack(grow_hair(canvas, face, state.hair), -1)
    turned = [grid_mesh(points, canvas.albedo, canvas.specular, canvas.gloss)]
    if not state.hair.covers_ears:
        turned += [ear(face, canvas, side) for side in (-1, 1)]
    else:
        turned.append(drape(face, state.hair))

    turn = rotation(state.yaw, state.pitch, state.roll)
    neck_turn = rotation(*(NECK_SHARE * angle for angle in (state.yaw, state.pitch, state.roll)))
    body = join(
        [
            *(part.moved(turn, PIVOT) for part in turned),
            neck(face).moved(neck_turn, PIVOT),
            torso(state.clothes, 0.9 if face.female else 1.0),
        ]
    )
    layer = rasterise(body, camera)
    occluder = layer.depth.copy()
    rims = np.zeros(occluder.shape, bool)
    lens = None
    if state.attributes.spectacles == "yes":
        worn = wear(person.frame, face, canvas)
        rims = layer.overlay(rasterise(worn.mesh.moved(turn, PIVOT), camera))
        lens = _add_lenses(layer, worn, turn, camera, rims)
    pixels = camera.project((landmarks - PIVOT) @ turn.T + PIVOT)
    face_pixels = camera.project((_face(canvas) - PIVOT) @ turn.T + PIVOT)
    box = np.concatenate([face_pixels.min(axis=0), face_pixels.max(axis=0)])
    surface = _surface(layer, occluder, rims, lens, state.background)
    return Scene(surface, pixels, box, camera)


def _add_lenses(
    layer: Layer, worn: WornFrame, turn: np.ndarray, camera: Camera, rims: np.ndarray
) -> np.ndarray:
    """Darken what is behind the lenses; return their normals (3, H, W)."""
    normals = np.zeros((3, camera.height, camera.width), np.float32)
    for outline in worn.lenses:
        placed = (outline - PIVOT) @ turn.T + PIVOT
        corners = camera.project(placed)
        glass = np.zeros(rims.shape, np.uint8)
        cv2.fillPoly(glass, [np.round(corners * 16).astype(np.int32)], 1, shift=4)
        inside = (glass > 0) & ~rims & (layer.depth < placed[:, 2].max())
        row, column = np.nonzero(inside)
        layer.attributes[ALBEDO, row, column] *= worn.tint**2
        centre = corners.mean(0)
        x, y = (column - centre[0]) / camera.scale, (centre[1] - row) / camera.scale
        bulge = np.stack([x / LENS_RADIUS, y / LENS_RADIUS, np.ones_like(x)])
        bulge /= np.linalg.norm(bulge, axis=0)
        normals[:, row, column] = turn @ bulge
    return normals


def _surface(
    layer: Layer,
    occluder: np.ndarray,
    rims: np.ndarray,
    lens: np.ndarray | None,
    background: float,
) -> Surface:
    covered = layer.covered
    attributes = layer.attributes
    normal = attributes[NORMAL]
    steep = covered & (normal[2] < SMALLEST_NZ)
    if steep.any():
        flat = normal[:2, steep]
        normal[:2, steep] = flat * (np.sqrt(1 - SMALLEST_NZ**2) / np.linalg.norm(flat, axis=0))
        normal[2, steep] = SMALLEST_NZ
    normal[2, ~covered] = 1
    return Surface(
        normal=normal,
        albedo=np.where(covered, attributes[ALBEDO], np.float32(background)),
        specular=attributes[SPECULAR],
        gloss=attributes[GLOSS],
        depth=layer.depth,
        occluder=occluder,
        unshadowed=rims | ~covered,
        lens=lens,
    )


def true_maps(scene: Scene, exposure: float) -> Maps:
    """Return the maps that perfect photometric stereo would find."""
    surface = scene.surface
    depth = surface.depth
    kernel = np.ones((3, 3), np.uint8)
    step = cv2.dilate(depth, kernel) - cv2.erode(depth, kernel)
    mask = (depth > FAR) & (step < STEP)
    return Maps(
        normal=surface.normal * mask,
        albedo=exposure * surface.albedo * mask,
        depth=np.where(mask, depth * np.float32(scene.scale), np.float32(0)),
        mask=mask,
    )
