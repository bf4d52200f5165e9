"""Captures and their pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from psface.captures.images import decode, grey, read_bytes, rgb
from psface.paths import one_form

LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
NO_LIGHTS = np.empty((0, 3))


@dataclass(frozen=True)
class Capture:
    """Several frames of one face from one viewpoint, under one light each; or a picture.

    A picture is one frame under an unknown light.

    Attributes
    ----------
    identity, name : str
        The person, and which capture of them; together unique.
    frames : tuple of str
        Image files, one per light.
    lights : (n, 3) float64
        Unit vectors from the surface to the light; x right, y up, z towards the camera. (0, 3) for
        a picture.
    attributes : dict of str to str
        Raw labels by attribute name; the empty string if unknown.
    landmarks : (5, 2) float64 or None
        Supplied facial points in pixels of the first frame (x right, y down), ordered as
        `LANDMARKS`; left and right as seen in the image.
    digest : str
        Hash of the frames' bytes, so that later stages notice a changed capture.
    bits : int or None
        Bit depth of 16-bit frames that do not record it.
    contents : tuple of bytes or None
        The frames' encoded images, if they are not in files of their own.
    """

    identity: str
    name: str
    frames: tuple[str, ...]
    lights: np.ndarray
    attributes: dict[str, str] = field(default_factory=dict)
    landmarks: np.ndarray | None = None
    digest: str = ""
    bits: int | None = None
    contents: tuple[bytes, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", one_form(self.identity))
        object.__setattr__(self, "name", one_form(self.name))

    @property
    def key(self) -> str:
        """``<identity>/<name>``, unique in a data set."""
        return f"{self.identity}/{self.name}"

    @property
    def is_picture(self) -> bool:
        return len(self.lights) == 0 and len(self.frames) == 1

    @property
    def place(self) -> Path:
        """The path shown in tables: a picture's file; a capture's folder, with its name if the
        folder holds several."""
        first = Path(self.frames[0])
        if self.is_picture:
            return first
        return first.parent if first.parent.name == self.name else first.parent / self.name

    def encoded(self, number: int) -> bytes:
        """Return the encoded image of a frame.

        Raises
        ------
        UserError
            If its file is missing or cannot be read.
        """
        if self.contents is not None:
            return self.contents[number]
        return read_bytes(Path(self.frames[number]))

    def pixels(self, colour: bool = False) -> Pixels:
        """Decode the frames of a checked capture (`psface.captures.checks`).

        With ``colour``, frame 0 is also returned in RGB.

        Raises
        ------
        UserError
            If a frame is missing or cannot be read.
        """
        images = [
            decode(self.encoded(number), Path(name), self.bits, None)
            for number, name in enumerate(self.frames)
        ]
        return Pixels(
            np.stack([grey(image) for image in images]),
            rgb(images[0]) if colour else None,
            self.lights,
            self.landmarks,
        )


@dataclass(frozen=True)
class Pixels:
    """A capture as arrays.

    Attributes
    ----------
    grey : (n, H, W) float32 in [0, 1]
    colour : (H, W, 3) float32 in [0, 1] or None
        Frame 0 in RGB, if requested.
    lights : (n, 3)
        (0, 3) for a picture.
    landmarks : (5, 2) or None
        Supplied with the capture.
    """

    grey: np.ndarray
    colour: np.ndarray | None
    lights: np.ndarray
    landmarks: np.ndarray | None


@dataclass(frozen=True)
class Refusal:
    """An unusable capture, and why; bytes that are not UTF-8 are escaped."""

    identity: str
    name: str
    reason: str

    def __post_init__(self) -> None:
        for name in ("identity", "name", "reason"):
            text = getattr(self, name).encode(errors="backslashreplace").decode()
            object.__setattr__(self, name, one_form(text))


def picture(identity: str, path: Path) -> Capture:
    """Return a picture file as a capture of one frame."""
    return Capture(identity, path.name, (str(path),), NO_LIGHTS)


def picture_pixels(image: np.ndarray, colour: bool = False) -> Pixels:
    """The pixels of a picture (H, W) or (H, W, 3), grey or RGB, uint8 or uint16."""
    return Pixels(grey(image)[None], rgb(image) if colour else None, NO_LIGHTS, None)
