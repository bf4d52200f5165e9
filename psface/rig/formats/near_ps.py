"""Calibration of near lamps as near_ps keeps it (Queau et al., JMIV 60, 2018), in MATLAB files.

A file of lamps: ``S`` (n, 3) positions in mm, ``Phi`` (n, 1) or (n, 3) intensities, ``Dir`` (n, 3)
orientations, ``mu`` (n, 1) exponents of anisotropy; and one of the camera: ``K`` (3, 3). Its
coordinates are x right, y down and z away from the camera; its pixels are counted from 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from psface.errors import UserError
from psface.paths import listed
from psface.rig.formats.found import Found, Options, file_of
from psface.rig.formats.mat_file import read_mat

CAMERA = "camera.mat"
OURS = np.array([1.0, -1.0, -1.0])  # y up, z towards the camera
USED = ("S", "Phi", "Dir", "mu", "K")
OFF_CENTRE = 0.2  # of the size: farther, a principal point is that of another size
LARGEST_SKEW = 1e-2  # of the focal length


def read_near_ps(source: Path, options: Options) -> Found:
    """Read lamps and camera; see `psface.rig.formats.rig_formats`.

    Raises
    ------
    UserError
        If a file or matrix is missing or malformed, or the size of the frames is not given.
    """
    path, camera_path = _files(source, options)
    matrices, others, date = read_mat(path)
    read = [(path, [*matrices, *others])]
    intrinsics = matrices
    if camera_path != path:
        intrinsics, others, _ = read_mat(camera_path)
        read.append((camera_path, [*intrinsics, *others]))
    if "K" not in intrinsics:
        raise UserError(f"{camera_path}: no matrix K; give --camera the file that has it")
    notes = [
        f"{file.name}: {name} is not used" for file, names in read for name in names
        if name not in USED
    ]  # fmt: skip
    lamps = _lamps(matrices, path, notes)
    camera = _camera(intrinsics["K"], camera_path, options)
    return Found(lamps, tuple(dict.fromkeys([path, camera_path])), camera, date, tuple(notes))


def _files(source: Path, options: Options) -> tuple[Path, Path]:
    """The file of the lamps and that of the camera, which may be one."""
    path = source
    if source.is_dir():
        files = [file for file in listed(source) if file.suffix.lower() == ".mat"]
        with_lamps = [file for file in files if "S" in read_mat(file)[0]]
        if len(with_lamps) != 1:
            fault = (
                " and ".join(file.name for file in with_lamps[:2]) or "no .mat file with lamps S"
            )
            raise UserError(f"{source}: {fault}; give the file of the lamps itself")
        path = with_lamps[0]
    if options.camera is not None:
        return path, options.camera
    if "K" in read_mat(path)[0]:
        return path, path
    beside = file_of(path.parent, CAMERA)
    if beside is None:
        raise UserError(f"{path}: no {CAMERA} beside it; give --camera the file with K")
    return path, beside


def _lamps(matrices: dict[str, np.ndarray], path: Path, notes: list[str]) -> list[dict[str, Any]]:
    if "S" not in matrices:
        raise UserError(f"{path}: no matrix S of the lamps' positions; give the file that has it")
    count = len(matrices["S"])
    positions = _matrix(matrices, "S", count, (3,), path)
    if not count:
        raise UserError(f"{path}: S is empty; restore it")
    strengths = axes = exponents = None
    if "Phi" in matrices:
        strengths = _matrix(matrices, "Phi", count, (1, 3), path)
        if (strengths <= 0).any():
            raise UserError(f"{path}: Phi has an intensity that is not above 0; correct it")
        strengths = strengths / strengths.mean()
    else:
        notes.append(f"{path.name}: no Phi, lamps taken for equally strong")
    if "Dir" in matrices:
        axes = _matrix(matrices, "Dir", count, (3,), path)
        off = np.abs(np.linalg.norm(axes, axis=1) - 1)
        if not (off < 1e-3).all():
            raise UserError(
                f"{path}: row {np.argmax(off) + 1} of Dir is not of length 1; correct it"
            )
    if "mu" in matrices:
        exponents = _matrix(matrices, "mu", count, (1,), path)[:, 0]
        if exponents.any() and axes is None:
            raise UserError(f"{path}: anisotropy mu without orientations Dir; add them")
    else:
        notes.append(f"{path.name}: no mu, lamps taken to shine alike all round")
    lamps: list[dict[str, Any]] = []
    for i in range(count):
        lamp: dict[str, Any] = {"name": f"{i + 1}", "position_mm": _list(positions[i] * OURS)}
        if strengths is not None:
            values = _list(strengths[i])
            lamp["intensity"] = values if len(values) == 3 else values[0]
        if axes is not None:
            lamp["axis"] = _list(axes[i] * OURS)
        if exponents is not None:
            lamp["anisotropy"] = float(exponents[i])
        lamps.append(lamp)
    return lamps


def _list(values: np.ndarray) -> list[float]:
    return [float(value) + 0.0 for value in values]  # no -0


def _matrix(
    matrices: dict[str, np.ndarray], name: str, rows: int, columns: tuple[int, ...], path: Path
) -> np.ndarray:
    matrix = matrices[name]
    if columns == (1,) and matrix.shape == (1, rows):
        matrix = matrix.T
    if len(matrix) != rows or matrix.shape[1] not in columns:
        expected = " or ".join(f"{rows} x {width}" for width in columns)
        size = f"{matrix.shape[0]} x {matrix.shape[1]}"
        raise UserError(f"{path}: {name} is {size}, expected {expected}, a row for each lamp")
    if not np.isfinite(matrix).all():
        raise UserError(f"{path}: {name} has a number that is not finite; correct it")
    return matrix


def _camera(matrix: np.ndarray, path: Path, options: Options) -> dict[str, Any]:
    """The camera of a rig file from K, scaled to the size of the frames."""
    if options.size is None:
        raise UserError(
            f"{path}: give the size of the frames: --size WIDTHxHEIGHT or --frame PICTURE"
        )
    if matrix.shape == (3, 3) and matrix[0, 2] == 0:
        matrix = matrix.T  # as MATLAB's toolbox writes it
    good = matrix.shape == (3, 3) and np.isfinite(matrix).all() and (np.diag(matrix) > 0).all()
    if not good or matrix[2].tolist() != [0, 0, 1] or matrix[1, 0] != 0:
        raise UserError(f"{path}: K is not of the form [f 0 x; 0 f y; 0 0 1] in pixels; correct it")
    if abs(matrix[0, 1]) > LARGEST_SKEW * matrix[0, 0]:
        raise UserError(f"{path}: K has a skew of {matrix[0, 1]:.3g}, which is not supported")
    size = np.array(options.size, dtype=np.float64)
    own = np.array(options.calibrated_size or options.size, dtype=np.float64)
    scale = size / own
    if abs(scale[0] / scale[1] - 1) > 0.01:
        raise UserError(
            f"{path}: pictures of {own[0]:g}x{own[1]:g} and frames of {size[0]:g}x{size[1]:g} "
            "differ in shape: cropped frames need a K of their own"
        )
    focal, centre = np.diag(matrix)[:2], matrix[:2, 2]
    if (np.abs(centre / own - 0.5) > OFF_CENTRE).any():
        times = np.maximum(np.round(2 * centre / own), 1).max()
        hint = f", such as {own[0] * times:g}x{own[1] * times:g}" if times > 1 else ""
        raise UserError(
            f"{path}: K has its centre at ({centre[0]:.0f}, {centre[1]:.0f}), far from the middle "
            f"of {own[0]:g}x{own[1]:g}; give the size of the pictures that it was made from: "
            f"--calibrated-size WIDTHxHEIGHT{hint}"
        )
    return {
        "width_px": options.size[0], "height_px": options.size[1],
        "focal_px": _list(focal * scale), "centre_px": _list((centre - 0.5) * scale - 0.5),
    }  # fmt: skip
