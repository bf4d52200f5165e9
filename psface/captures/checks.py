"""Check that the pipeline can use a capture, before any work is spent on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from psface.captures.capture import Capture, Refusal
from psface.captures.decoding import decode
from psface.captures.images import grey
from psface.captures.limits import CaptureLimits
from psface.errors import UserError
from psface.files import is_path_part, is_utf8

MIN_LIGHTS = 3
JPEG = b"\xff\xd8\xff"
LONGEST = 200  # bytes of a name: file systems allow 255, and our file names add a few
SATURATED = 0.995  # of the sensor's range


def check_capture(capture: Capture | Refusal, limits: CaptureLimits) -> Capture | Refusal:
    """Return the capture with its digest, or the reason why it cannot be used."""
    if isinstance(capture, Refusal):
        return capture
    try:
        _check_names(capture)
        return replace(capture, digest=check_frames(capture, limits), bits=limits.bits)
    except UserError as error:
        return Refusal(capture.identity, capture.name, str(error))


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
    return _check_capture(capture, limits)


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
    if len(lights) < MIN_LIGHTS:
        raise UserError(f"{where}: {len(lights)} lights, need at least {MIN_LIGHTS}")
    if len(lights) != len(capture.frames):
        raise UserError(f"{where}: {len(capture.frames)} frames but {len(lights)} lights")
    if not np.isfinite(lights).all():
        raise UserError(f"{where}: a light direction is not a number; correct it")
    if (lights[:, 2] <= 0).any():
        behind = int(np.argmax(lights[:, 2] <= 0)) + 1
        raise UserError(f"{where}: light {behind} is behind the face (z <= 0); check its direction")
    singular = np.linalg.svd(lights, compute_uv=False)
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


def _check_capture(capture: Capture, limits: CaptureLimits) -> str:
    digest = hashlib.sha256()
    first_shape: tuple[int, ...] | None = None
    seen: dict[bytes, str] = {}
    for number, name in enumerate(capture.frames):
        path = Path(name)
        data = capture.encoded(number)
        digest.update(data)
        if data.startswith(JPEG):
            raise UserError(
                f"{path}: a JPEG, whose values are not linear in the light; save frames as PNG, "
                "TIFF, PGM or BMP, with the sensor's linear values"
            )
        image = decode(data, path, limits.bits, limits.max_pixels)
        frame = grey(image)
        if first_shape is None:
            first_shape = frame.shape
        if frame.shape != first_shape:
            sizes = " and ".join(f"{w}x{h}" for h, w in (first_shape, frame.shape))
            raise UserError(f"{path}: frames of two sizes, {sizes}; take them all at one size")
        pixels = hashlib.sha256(image.tobytes()).digest()
        if (other := seen.setdefault(pixels, name)) != name or name in capture.frames[:number]:
            raise UserError(
                f"{path}: identical to {other}, which cannot happen under two lights; "
                "was the camera slower than the lamps? take the frames again"
            )
        saturated = float((frame >= SATURATED).mean())
        if saturated > limits.max_saturated:
            raise UserError(
                f"{path}: {saturated:.0%} is saturated, at most {limits.max_saturated:.0%}; "
                "lower the exposure or raise ingest.max_saturated"
            )
        brightness = float(np.percentile(frame, 99))
        if brightness < limits.min_brightness:
            raise UserError(
                f"{path}: black or nearly so (99th percentile {brightness:.2g} of the range); "
                "did its light fire? If it is lit, lower ingest.min_brightness "
                f"({limits.min_brightness:g})"
            )
    return digest.hexdigest()


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
                yield Refusal(item.identity, item.name, reason)
                continue
        yield item
