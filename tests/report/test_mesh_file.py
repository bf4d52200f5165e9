"""Meshes, read back: their size against the simulator's truth, their colours, where they face."""

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from psface.errors import UserError
from psface.report.found_capture import read_shown
from psface.report.mesh_file import write_mesh
from psface.report.shown_capture import ShownCapture
from psface.rig.response import encoded
from psface.rig.rig import write_rig
from psface.simulate.recording import record_by, simulate_session
from psface.simulate.true_rig import draw_rig
from tests.simulate.conftest import SEED, look, params, rigged  # noqa: F401

NEAR = {"camera_distance_mm": 700.0, "lamp_distance_mm": 600.0}


@pytest.fixture(scope="module")
def true(params) -> tuple[ShownCapture, np.ndarray]:  # noqa: F811
    """A head's true maps, and where its points truly are."""
    settings = rigged(params, **NEAR)
    scene, state = look(settings)
    rig = draw_rig(settings, SEED)
    maps = record_by(rig, settings, SEED, 0, 0, scene, state).maps
    _, origin = rig.millimetre(scene.camera)
    points = scene.camera.positions(scene.surface.depth)
    points[2] += np.float32(origin)
    return ShownCapture("truth", maps, rig.file().lights(), rig.file()), points


def read_back(path) -> trimesh.Trimesh:
    [mesh] = trimesh.load_scene(path, process=False).geometry.values()
    return mesh


@pytest.mark.parametrize(
    ("kind", "unit", "mm"), [("ply", "mm", 1), ("obj", "mm", 1), ("glb", "m", 1000)]
)
def test_a_mesh_has_the_size_and_the_colours_of_the_head(kind, unit, mm, true, tmp_path):
    shown, points = true
    path = tmp_path / f"face.{kind}"
    vertices, faces, told = write_mesh(shown, path)
    mesh = read_back(path)
    assert (len(mesh.vertices), len(mesh.faces), told) == (vertices, faces, unit)
    mask = shown.maps.mask
    assert 0.97 * mask.sum() < vertices <= mask.sum()

    # Every vertex is a true point, and they reach as far as the head does.
    found = mm * np.asarray(mesh.vertices)
    _, order = cKDTree(points[:, mask].T).query(found)
    assert np.abs(found - points[:, mask].T[order]).max() < 0.05  # mm
    whole = points[:, mask]
    assert np.abs(found.min(axis=0) - whole.min(axis=1))[:2].max() < 2
    assert np.abs(found.max(axis=0) - whole.max(axis=1)).max() < 2

    # y is up: hair is above clothes; the nose, nearest to the camera, is between.
    nose = found[found[:, 2].argmax()]
    assert found[:, 1].min() < nose[1] - 80 and nose[1] + 80 < found[:, 1].max()
    assert (mesh.face_normals @ [0, 0, 1] > 0).mean() > 0.97
    normals = shown.maps.normal[:, mask].T[order]
    assert (np.asarray(mesh.vertex_normals) * normals).sum(axis=1).min() > 0.999

    colours = np.rint(255 * encoded(shown.albedo, "srgb"))[mask][order]
    visual = mesh.visual.to_color() if kind == "glb" else mesh.visual
    assert np.abs(visual.vertex_colors[:, :3] - colours).max() <= 1


def test_a_capture_from_disk_lies_where_the_head_was(params, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)  # without params.yaml
    settings = rigged(params, **NEAR)
    folder = simulate_session(settings, SEED, tmp_path, (0, 0))
    rig = draw_rig(settings, SEED).file()
    write_rig(tmp_path / "rig.json", rig)
    truth = read_shown(folder / "truth.exr", rig)
    assert truth.rig is not None and truth.frames is None
    found = []
    for shown in (read_shown(folder), truth):
        assert write_mesh(shown, tmp_path / "face.ply")[2] == "mm"
        found.append(np.array(read_back(tmp_path / "face.ply").vertices))
    # The face alone, up to its distance: hair and clothes are beyond what the integrator follows.
    faces = [points[(np.abs(points[:, :2] - [0, 20]) < 60).all(axis=1)] for points in found]
    faces[0][:, 2] += np.median(faces[1][:, 2]) - np.median(faces[0][:, 2])
    away, _ = cKDTree(faces[1]).query(faces[0])
    assert np.median(away) < 3 and np.quantile(away, 0.9) < 6  # mm


def test_a_map_of_unknown_size_is_in_pixels(true, tmp_path):
    shown, _ = true
    maps = shown.maps
    pixels = ShownCapture(
        "px", type(maps)(maps.normal, maps.albedo, maps.depth, maps.mask), shown.lights
    )
    assert write_mesh(pixels, tmp_path / "face.glb")[2] == "px"
    mesh = read_back(tmp_path / "face.glb")
    assert np.ptp(mesh.vertices[:, 1]) == pytest.approx(np.ptp(np.nonzero(maps.mask)[0]), abs=3)


def test_other_kinds_are_refused(true, tmp_path):
    for name in ("face.stl", "face", "face.ply.txt"):
        with pytest.raises(UserError, match=r"ends in \.ply, \.glb, \.obj"):
            write_mesh(true[0], tmp_path / name)
    assert not list(tmp_path.iterdir())
