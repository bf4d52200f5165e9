"""What a capture is."""

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
    """Several frames of one face from one viewpoint, under one light each; or a picture, which is
    one frame under a light that nobody knows.

    Attributes
    ----------
    identity, name : str
        Who, and which capture of them; together unique.
    frames : tuple of str
        Image files, one per light.
    lights : (n, 3) float64
        Unit vectors from the surface to the light; x right, y up, z towards the camera. (0, 3) of
        a picture.
    attributes : dict of str to str
        Raw labels by attribute name; an unknown label is the empty string.
    landmarks : (5, 2) float64 or None
        Given facial points in pixels of the first frame (x right, y down), ordered as `LANDMARKS`;
        left and right as seen in the image.
    digest : str
        Hash of the frames' bytes, so that a changed capture is noticed downstream.
    bits : int or None
        How many bits the samples of 16-bit frames use that do not say so themselves.
    contents : tuple of bytes or None
        The frames' encoded images, where they are in no files of their own.
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
        """``<identity>/<name>``, unique in a set."""
        return f"{self.identity}/{self.name}"

    @property
    def is_picture(self) -> bool:
        return len(self.lights) == 0 and len(self.frames) == 1

    @property
    def place(self) -> Path:
        """What it is called in tables of paths: a picture's file; a capture's folder, and its name
        where several are in one folder."""
        first = Path(self.frames[0])
        if self.is_picture:
            return first
        return first.parent if first.parent.name == self.name else first.parent / self.name

    def encoded(self, number: int) -> bytes:
        """The encoded image of a frame.

        Raises
        ------
        UserError
            If its file is missing or cannot be read.
        """
        if self.contents is not None:
            return self.contents[number]
        return read_bytes(Path(self.frames[number]))

    def pixels(self, colour: bool = False) -> Pixels:
        """The frames of a capture that was checked (`psface.captures.checks`), and with ``colour``
        frame 0 in RGB.

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
        Frame 0 in RGB, where it is wanted.
    lights : (n, 3)
        (0, 3) of a picture.
    landmarks : (5, 2) or None
        That the capture came with.
    """

    grey: np.ndarray
    colour: np.ndarray | None
    lights: np.ndarray
    landmarks: np.ndarray | None


@dataclass(frozen=True)
class Refusal:
    """A capture that cannot be used, and why; what is not UTF-8 in it is escaped."""

    identity: str
    name: str
    reason: str

    def __post_init__(self) -> None:
        for name in ("identity", "name", "reason"):
            text = getattr(self, name).encode(errors="backslashreplace").decode()
            object.__setattr__(self, name, one_form(text))


def picture(identity: str, path: Path) -> Capture:
    """A picture's file as a capture of one frame."""
    return Capture(identity, path.name, (str(path),), NO_LIGHTS)


def picture_pixels(image: np.ndarray, colour: bool = False) -> Pixels:
    """A picture (H, W) or (H, W, 3), grey or RGB, uint8 or uint16, as a capture of one frame."""
    return Pixels(grey(image)[None], rgb(image) if colour else None, NO_LIGHTS, None)
