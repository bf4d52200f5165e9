"""Read the pictures of a ball: one per lamp, and what is beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psface.captures.checks import has_alpha
from psface.captures.decoding import decode
from psface.captures.exposure import exposure_of, relative_exposures
from psface.captures.images import OTHER_PICTURES, PICTURE_SUFFIXES, grey, read_bytes, rgb
from psface.captures.linearity import check_linear
from psface.errors import UserError
from psface.paths import listed
from psface.rig.response import linear_light
from psface.rig.rig_parts import Camera

FEWEST = 3  # lamps
CLIPPED = 0.985  # of the range, in any channel
COLOURED = 1e-3  # of the brightness: mean difference of the channels
SAME = 0.003  # of the mean brightness: typical difference of two copies of a picture
DARKER = 0.05  # of the range: differences by noise, and by other exposures of dark places
MASK, AMBIENT = "mask", "ambient"  # names of pictures that are of no lamp


@dataclass(frozen=True)
class BallPictures:
    """Pictures of balls in one place, one per lamp.

    Attributes
    ----------
    folder : Path
    paths : tuple of Path
        n of them, in the order of the lamps.
    frames : (n, H, W) float32
        Linear light, the mean of the channels, without ambient light.
    clipped : (n, H, W) bool
        Where a channel is saturated.
    colours : (n, H, W, 3) float32 or None
        The channels, if they differ.
    mask : (H, W) bool or None
    mask_path : Path or None
    """

    folder: Path
    paths: tuple[Path, ...]
    frames: np.ndarray
    clipped: np.ndarray
    colours: np.ndarray | None = None
    mask: np.ndarray | None = None
    mask_path: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the lamps."""
        return tuple(path.stem for path in self.paths)


def read_ball_pictures(
    folder: Path, camera: Camera, mask: Path | None = None, ambient: Path | None = None,
    bits: int | None = None,
) -> BallPictures:  # fmt: skip
    """Read a folder of pictures, in the natural order of their names (2 before 10).

    Pictures called ``mask`` and ``ambient`` are the ball's mask and the frame with all lamps off,
    unless others are given.

    Raises
    ------
    UserError
        If there are fewer than three, they differ in size, two are the same picture, or one cannot
        be read, is not as the camera's response says or is darker than the ambient light.
    """
    paths, mask, ambient = _sorted_out(folder, mask, ambient)
    read = [*paths, *([ambient] if ambient else [])]
    encoded = [read_bytes(path) for path in read]
    stated = [exposure_of(data, path) for data, path in zip(encoded, read, strict=True)]
    exposures = relative_exposures(stated, read)
    factors = np.ones(len(read)) if exposures is None else np.asarray(exposures)
    dark: np.ndarray | float = 0.0
    if ambient:
        dark = _linear(encoded[-1], ambient, camera, bits)[0] / np.float32(factors[-1])
    frames: list[np.ndarray] = []
    clipped: list[np.ndarray] = []
    colours: list[np.ndarray] = []
    for data, path, factor in zip(encoded, paths, factors, strict=False):
        light, saturated = _linear(data, path, camera, bits)
        shape = np.shape(dark) if ambient else (*(frames[0] if frames else light).shape[:2], 3)
        if light.shape != shape:
            raise UserError(
                f"{path}: {_size(light)} pixels, and {(ambient or paths[0]).name} has "
                f"{shape[1]}x{shape[0]}; take all pictures with one camera and do not crop them"
            )
        light = light / np.float32(factor)
        darker = float((light < 0.5 * dark - DARKER).mean()) if ambient else 0.0
        if light.mean() < 0.95 * np.mean(dark) or darker > 0.05:
            raise UserError(
                f"{path}: darker than the ambient light; is {(ambient or path).name} the frame "
                "with all lamps off?"
            )
        light = np.maximum(light - dark, 0)
        frame = light.mean(axis=-1, dtype=np.float32)
        frames.append(frame)
        clipped.append(saturated)
        if np.abs(light - frame[..., None]).mean() > COLOURED * frame.mean():
            colours.append(light)
    _check_different(np.stack(frames), paths)
    return BallPictures(
        folder, tuple(paths), np.stack(frames), np.stack(clipped),
        np.stack(colours) if len(colours) == len(frames) else None,
        _read_mask(mask, frames[0].shape) if mask else None, mask,
    )  # fmt: skip


def _linear(
    data: bytes, path: Path, camera: Camera, bits: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Light (H, W, 3) of a picture, and where a channel is saturated (H, W)."""
    check_linear(data, path, camera.response, "as --response, or in the rig of --camera")
    values = rgb(decode(data, path, bits, white=camera.white), camera.white)
    return linear_light(values, camera.response), np.asarray((values >= CLIPPED).any(axis=-1))


def _sorted_out(
    folder: Path, mask: Path | None, ambient: Path | None
) -> tuple[list[Path], Path | None, Path | None]:
    """The lamps' pictures, the mask and the ambient frame in a folder."""
    if not folder.is_dir():
        raise UserError(f"{folder}: not a folder; give one with a picture of the ball per lamp")
    paths = []
    for path in listed(folder):
        suffix = path.suffix.lower()
        if suffix in OTHER_PICTURES:
            raise UserError(f"{path}: cannot be read; save it as PNG, TIFF or JPEG")
        if suffix not in PICTURE_SUFFIXES or path in (mask, ambient):
            continue
        if path.stem.lower() == MASK:
            mask = mask or path
        elif path.stem.lower() == AMBIENT:
            ambient = ambient or path
        else:
            paths.append(path)
    if len(paths) < FEWEST:
        raise UserError(
            f"{folder}: {len(paths)} pictures of lamps; at least {FEWEST} are needed, each with "
            "another lamp on"
        )
    paths.sort(key=lambda path: natural(path.name))
    stems = [path.stem for path in paths]
    if twice := next((stem for stem in stems if stems.count(stem) > 1), None):
        raise UserError(f"{folder}: two pictures called {twice}; remove one")
    return paths, mask, ambient


def natural(name: str) -> list[tuple[int, int, str]]:
    """Key by which 2.png is before 10.png.

    Examples
    --------
    >>> sorted(["10.png", "2.png", "a.png"], key=natural)
    ['2.png', '10.png', 'a.png']
    """
    parts = re.split(r"([0-9]+)", name)
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in parts if part
    ]


def _read_mask(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    data = read_bytes(path)
    if has_alpha(data):
        raise UserError(f"{path}: a mask with an alpha channel; save it as grey, white on the ball")
    image = decode(data, path)
    if image.shape[:2] != shape:
        raise UserError(
            f"{path}: {_size(image)} pixels, and the pictures have {shape[1]}x{shape[0]}; draw the "
            "mask on one of them"
        )
    mask = grey(image)
    if not (mask > 0.5).any():
        raise UserError(
            f"{path}: no ball in the mask, whose brightest pixel is {mask.max():.0%} of white; it "
            "is white where the ball is"
        )
    return mask > 0.5


def _check_different(frames: np.ndarray, paths: Sequence[Path]) -> None:
    """Refuse two copies of a picture."""
    step = max(1, max(frames.shape[1:]) // 300)
    small = frames[:, ::step, ::step]
    for first in range(len(paths)):
        for second in range(first):
            change = float(np.abs(small[first] - small[second]).mean())
            if change <= SAME * float(small[first].mean()):
                raise UserError(
                    f"{paths[first]}: the same picture as {paths[second].name}; take one per lamp"
                )


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
