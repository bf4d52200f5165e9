"""From decoded frames to linear light: response, exposure, ambient light, flat fields, channels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from psface.captures.images import grey, rgb
from psface.rig.response import linear_light
from psface.rig.rig import Camera, Rig

SATURATED = 0.99  # of the sensor's range, in any channel


def linear_frames(
    images: list[np.ndarray],
    rig: Rig,
    ambient: np.ndarray | None = None,
    flat_fields: Sequence[np.ndarray | None] = (),
    exposures: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Undo what the camera and the room did to the frames of a capture.

    A channel's value v of frame i becomes ``(f(v) / t_i - f(v_ambient) / t_ambient) / (c F)``: f
    undoes the response, t is the exposure, c the channel's share of the lamp's strength and F its
    flat field, whose median is 1. Grey is the mean of the channels by ``camera.grey_weights``.

    Parameters
    ----------
    images : list of (H, W) or (H, W, 3)
        As decoded, n of them.
    rig : Rig
        Its camera, and the strengths of its n lamps in each channel.
    ambient : (H, W) or (H, W, 3), optional
        The frame with all lamps off.
    flat_fields : list of (H, W) or (H, W, 3) or None, optional
        Plain matte surface under each lamp, taken like the frames; None where a lamp has none.
    exposures : (n,) or (n + 1,), optional
        Relative to the first frame; the last is the ambient frame's, if there is one.

    Returns
    -------
    grey : (n, H, W) float32
        At least 0; on the scale of the first frame's exposure.
    saturated : (n, H, W) bool
    channels : list of (H, W, 1) or (H, W, 3) float32
        All of a frame's channels.
    """
    camera = rig.camera
    factors = np.ones(len(images) + 1) if exposures is None else np.append(exposures, 1.0)
    dark: np.ndarray | float = 0.0
    if ambient is not None:
        dark = _light(ambient, camera)[0]
        dark = dark / np.float32(factors[len(images)])
    frames, saturated, channels = [], [], []
    for number, image in enumerate(images):
        light, full = _light(image, camera)
        saturated.append(full.any(axis=-1))
        light /= np.float32(factors[number])
        light = light - dark
        if rig.lamps:
            light /= _balance(rig.lamps[number].intensity, light.shape[-1])
        if flat_fields and (flat := flat_fields[number]) is not None:
            light /= _evenness(flat, camera, dark)[..., None]
        channels.append(np.maximum(light, 0, out=light))
        frames.append(weighted(light, camera))
    return np.stack(frames), np.stack(saturated), channels


def weighted(light: np.ndarray, camera: Camera) -> np.ndarray:
    """Grey (H, W) of a picture (H, W, 1) or (H, W, 3)."""
    if light.shape[-1] == 1:
        return light[..., 0]
    return light @ np.array(camera.grey_weights, dtype=np.float32)


def _light(image: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Linear light (H, W, 1) or (H, W, 3), and where it is saturated; of eight bits by a table."""
    if image.dtype != np.uint8:
        values = _values(image, camera)
        return linear_light(values, camera.response), values >= SATURATED
    levels = _values(np.arange(256, dtype=np.uint8)[None], camera)[0, :, 0]
    light = linear_light(levels, camera.response)
    full = (levels >= SATURATED).astype(np.uint8)
    found = cv2.LUT(image, light), cv2.LUT(image, full).view(bool)
    return found if image.ndim == 3 else (found[0][..., None], found[1][..., None])


def _values(image: np.ndarray, camera: Camera) -> np.ndarray:
    """Values (H, W, 1) or (H, W, 3) in [0, 1]."""
    if image.ndim == 2:
        return grey(image, camera.white)[..., None]
    return rgb(image, camera.white)


def _balance(intensity: float | tuple[float, float, float], channels: int) -> np.ndarray:
    """A lamp's strength in each channel, relative to the mean of all, (channels,)."""
    strengths = np.broadcast_to(np.asarray(intensity, dtype=np.float32), 3)
    return strengths / strengths.mean() if channels == 3 else np.ones(1, np.float32)


def _evenness(flat: np.ndarray, camera: Camera, dark: np.ndarray | float) -> np.ndarray:
    light = weighted(_light(flat, camera)[0] - dark, camera)
    return np.maximum(light / np.median(light), 1e-3)
