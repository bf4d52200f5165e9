"""Check that the pipeline can use a capture, before any work is spent on it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from psface.captures.capture import Capture, Refusal, refused
from psface.captures.decoding import decode
from psface.captures.exposure import exposure_of, relative_exposures
from psface.captures.images import brightest_channel, grey, read_bytes
from psface.captures.limits import CaptureLimits
from psface.captures.linearity import check_linear
from psface.errors import UserError
from psface.files import is_path_part, is_utf8
from psface.percentiles import percentile
from psface.rig.response import linear_light
from psface.rig.rig import UNEQUAL

MIN_LIGHTS = 3
LONGEST = 200  # bytes of a name: file systems allow 255, and our file names add a few
SATURATED = 0.995  # of the sensor's range


def check_capture(capture: Capture | Refusal, limits: CaptureLimits) -> Capture | Refusal:
    """Return the capture with its digest, or the reason why it cannot be used."""
    if isinstance(capture, Refusal):
        return capture
    try:
        _check_names(capture)
        return accepted(capture, check_frames(capture, limits), limits)
    except UserError as error:
        return refused(capture, error)


def accepted(capture: Capture, digest: str, limits: CaptureLimits) -> Capture:
    """Return a capture that was checked, with the hash of its frames."""
    return replace(capture, digest=digest, bits=limits.bits)


def files_of(capture: Capture) -> list[Path]:
    """The files that the check of a capture reads."""
    names = [*capture.frames, *(name for name, _ in _roles(capture))]
    records = [name.rpartition("::")[0] for name in names if "::" in name]
    return [Path(name) for name in (*names, *records)]


def check_frames(capture: Capture, limits: CaptureLimits) -> str:
    """Check a capture's frames and lights; return the hash of its frames.

    Raises
    ------
    UserError
        If they cannot be used; the message says why.
    """
    if capture.is_picture:
        return _check_picture(capture, limits)
    _check_lights(capture, limits.max_condition)
    _check_landmarks(capture)
    digest, shape, darkest = _check_frames(capture, limits)
    return _check_aides(capture, limits, digest, shape, darkest)


def _check_names(capture: Capture) -> None:
    for frame in capture.frames:
        if not is_utf8(frame):
            raise UserError(f"{frame}: its name is not UTF-8; rename it")
    # Both become part of the paths of later stages' outputs.
    for part in (capture.identity, capture.name):
        if not is_path_part(part):
            raise UserError(f"{part!r} cannot be a folder name; rename it")
        if len(part.encode()) > LONGEST:
            raise UserError(
                f"{part[:40]}...: a name of {len(part.encode())} bytes, at most {LONGEST} are "
                "allowed; shorten it"
            )
    if capture.identity.lower() == "failures.csv":
        raise UserError(
            f"{capture.identity!r} is reserved for a table of psface; rename the person"
        )


def _check_picture(capture: Capture, limits: CaptureLimits) -> str:
    [name] = capture.frames
    path = Path(name)
    data = capture.encoded(0)
    decode(data, path, limits.bits, limits.max_pixels)
    return hashlib.sha256(data).hexdigest()


def _check_lights(capture: Capture, max_condition: float) -> None:
    lights = capture.lights
    where = Path(capture.frames[0]).parent if capture.frames else capture.key
    if not len(lights):
        raise UserError(
            f"{where}: {len(capture.frames)} frames without lights; give them in LightSource.m, a "
            "rig file beside the frames, or ingest.rig"
        )
    if len(lights) < MIN_LIGHTS:
        raise UserError(f"{where}: {len(lights)} lights, need at least {MIN_LIGHTS}")
    if len(lights) != len(capture.frames):
        raise UserError(f"{where}: {len(capture.frames)} frames but {len(lights)} lights")
    if not np.isfinite(lights).all():
        raise UserError(f"{where}: a light direction is not a number; correct it")
    if (lights[:, 2] <= 0).any():
        behind = int(np.argmax(lights[:, 2] <= 0)) + 1
        raise UserError(f"{where}: light {behind} is behind the face (z <= 0); check its direction")
    lengths = np.linalg.norm(lights, axis=1, keepdims=True)
    if lengths.max() > UNEQUAL * lengths.min():
        raise UserError(
            f"{where}: light {int(lengths.argmax()) + 1} is over {UNEQUAL:g} times as strong as "
            f"light {int(lengths.argmin()) + 1}; correct their intensities"
        )
    directions = lights / lengths
    singular = np.linalg.svd(directions, compute_uv=False)
    condition = singular[0] / max(singular[2], 1e-12)
    if condition > max_condition:
        shown = f"condition {condition:.0f}" if condition < 1e6 else "rank 2"
        raise UserError(
            f"{where}: light directions are coplanar or nearly so ({shown}, at most "
            f"{max_condition:g}); move a light or raise ingest.max_condition"
        )


def _check_landmarks(capture: Capture) -> None:
    if capture.landmarks is not None and not np.ptp(capture.landmarks, axis=0).any():
        folder = Path(capture.frames[0]).parent
        raise UserError(f"{folder}: all five landmarks coincide; correct or remove them")


def _check_frames(
    capture: Capture, limits: CaptureLimits
) -> tuple[Any, tuple[int, ...] | None, float]:
    """Check the frames; return their hash, to be continued, their shape, and the mean light of the
    darkest on the scale of the ambient frame's exposure."""
    digest, stated, means = hashlib.sha256(), [], []
    first_shape: tuple[int, ...] | None = None
    seen: dict[bytes, str] = {}
    for number, name in enumerate(capture.frames):
        path = Path(name)
        data = capture.encoded(number)
        digest.update(data)
        _check_linear(data, path, capture)
        stated.append(exposure_of(data, path))
        image = decode(data, path, limits.bits, limits.max_pixels, capture.white)
        frame = grey(image, capture.white)
        if first_shape is None:
            first_shape = frame.shape
            _check_rig_size(frame.shape, path, capture)
        if frame.shape != first_shape:
            sizes = " and ".join(f"{w}x{h}" for h, w in (first_shape, frame.shape))
            raise UserError(f"{path}: frames of two sizes, {sizes}; take them all at one size")
        pixels = hashlib.sha256(image.tobytes()).digest()
        if (other := seen.setdefault(pixels, name)) != name or name in capture.frames[:number]:
            raise UserError(
                f"{path}: identical to {other}, which cannot happen under two lights; "
                "was the camera slower than the lamps? take the frames again"
            )
        _check_levels(image, frame, path, capture, limits)
        means.append(_mean_light(image, frame, capture))
    paths = [Path(name) for name in (*capture.frames, capture.dark)]
    if capture.dark:
        stated.append(exposure_of(read_bytes(paths[-1]), paths[-1]))
    factors = relative_exposures(stated, paths)
    if factors is None or not capture.dark:
        return digest, first_shape, min(means)
    return digest, first_shape, min(np.array(means) / factors[:-1]) * float(factors[-1])


def _mean_light(image: np.ndarray, frame: np.ndarray, capture: Capture) -> float:
    """Mean light of a decoded picture and its grey; of eight bits in grey by a table."""
    response = capture.rig.camera.response if capture.rig else "linear"
    if image.dtype == np.uint8 and image.ndim == 2:
        levels = grey(np.arange(256, dtype=np.uint8)[None])[0]
        return float(linear_light(levels, response).take(image).mean())
    return float(linear_light(frame, response).mean())


def _check_linear(data: bytes, path: Path, capture: Capture) -> None:
    response = capture.rig.camera.response if capture.rig else "linear"
    check_linear(data, path, response, "in a rig file (ingest.rig)")


def _check_rig_size(shape: tuple[int, ...], path: Path, capture: Capture) -> None:
    camera = capture.rig.camera if capture.rig else None
    if camera is None or camera.width_px is None:
        return
    if shape != (camera.height_px, camera.width_px):
        raise UserError(
            f"{path}: {shape[1]}x{shape[0]}, but the rig's camera takes "
            f"{camera.width_px}x{camera.height_px}; use the rig of these frames, uncropped"
        )


def _check_levels(
    image: np.ndarray, frame: np.ndarray, path: Path, capture: Capture, limits: CaptureLimits
) -> None:
    """Check a decoded picture, and its grey."""
    # In any channel: where one is clipped, the mean of all no longer grows with the light.
    peak = frame if image.ndim == 2 else grey(brightest_channel(image), capture.white)
    saturated = float((peak >= SATURATED).mean())
    if saturated > limits.max_saturated:
        which = "" if image.ndim == 2 else " in a channel"
        raise UserError(
            f"{path}: {saturated:.0%} is saturated{which}, at most {limits.max_saturated:.0%}; "
            "lower the exposure or raise ingest.max_saturated"
        )
    brightness = float(percentile(frame, 99))
    if brightness < limits.min_brightness:
        raise UserError(
            f"{path}: black or nearly so (99th percentile {brightness:.2g} of the range); "
            "did its light fire? If it is lit, lower ingest.min_brightness "
            f"({limits.min_brightness:g})"
        )


def _check_aides(
    capture: Capture, limits: CaptureLimits, digest: Any, shape: Any, darkest: float
) -> str:
    """Check the pictures beside the frames; return the hash of all."""
    for name, role in _roles(capture):
        path = Path(name)
        data = read_bytes(path)
        digest.update(role.encode() + data)
        if role == "mask":
            if has_alpha(data):
                raise UserError(
                    f"{path}: a mask with an alpha channel; save it as grey, white on the face"
                )
            decoded = decode(data, path, None, limits.max_pixels)
            image = grey(decoded)
        else:
            _check_linear(data, path, capture)
            decoded = decode(data, path, limits.bits, limits.max_pixels, capture.white)
            image = grey(decoded, capture.white)
        if image.shape != shape:
            sizes = " and ".join(f"{w}x{h}" for h, w in (shape, image.shape))
            raise UserError(f"{path}: not of the frames' size, {sizes}; take it like the frames")
        if role == "mask" and not (image > 0.5).any():
            raise UserError(
                f"{path}: an empty mask, whose brightest pixel is {image.max():.0%} of white; "
                "paint the face white"
            )
        if role == "ambient" and _mean_light(decoded, image, capture) > darkest:
            raise UserError(
                f"{path}: brighter than a frame, as no ambient light can be; was a lamp on? Take "
                "it again, or leave it out"
            )
        if role == "flat field":
            _check_levels(decoded, image, path, capture, limits)
    return str(digest.hexdigest())


def _roles(capture: Capture) -> list[tuple[str, str]]:
    """The pictures beside the frames, and what they are."""
    flats = [(name, "flat field") for name in capture.flat_fields]
    pairs = [(capture.dark, "ambient"), (capture.mask, "mask"), *flats]
    return [(name, role) for name, role in pairs if name]


def has_alpha(data: bytes) -> bool:
    """Whether a picture has an alpha channel."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return "A" in image.getbands() or "transparency" in image.info
    except Exception:  # `decode` says what is wrong with it
        return False


def unique(captures: Iterable[Capture | Refusal]) -> Iterator[Capture | Refusal]:
    """Refuse a capture whose name repeats an earlier one in another Unicode form."""
    names: dict[str, Capture] = {}
    for item in captures:
        # ASCII names have only one form: not storing them saves memory with millions of captures.
        if isinstance(item, Capture) and not item.key.isascii():
            first = names.setdefault(item.key, item)
            if first is not item:
                reason = (
                    f"{item.frames[0]}: same name, in another Unicode form, as "
                    f"{first.frames[0]}; rename one"
                )
                yield refused(item, reason)
                continue
        yield item
