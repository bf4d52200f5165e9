"""Captures and their pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from psface.captures.decoding import decode
from psface.captures.exposure import exposure_of, relative_exposures
from psface.captures.images import grey, read_bytes, rgb
from psface.captures.linear_frames import linear_frames
from psface.errors import UserError
from psface.paths import one_form
from psface.percentiles import percentile
from psface.rig.rig import Rig

LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
WELL_EXPOSED = 0.8  # of the range: the 99th percentile of the brightest frame
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
        Vectors from the surface to the light, as long as it is strong relative to the others; x
        right, y up, z towards the camera. (0, 3) for a picture.
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
    rig : Rig or None
        What else is known of the camera and the lamps, in the order of the frames. The pictures
        that it names are paths from the current folder.
    ambient : str
        Frame with all lamps off; that of the rig, if empty.
    mask : str
        Picture that is white where the face is.
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
    rig: Rig | None = None
    ambient: str = ""
    mask: str = ""

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

    @property
    def white(self) -> float:
        """Value of a saturated pixel in frames of floating-point numbers."""
        return self.rig.camera.white if self.rig else 1.0

    @property
    def dark(self) -> str:
        """Frame with all lamps off: the capture's own, or the rig's."""
        return self.ambient or (self.rig.ambient if self.rig else "")

    @property
    def flat_fields(self) -> list[str]:
        """A picture for each lamp, empty where a lamp has none."""
        return [lamp.flat_field for lamp in self.rig.lamps] if self.rig else []

    def pixels(self, colour: bool = False, colours: bool = False) -> Pixels:
        """Decode the frames of a checked capture (`psface.captures.checks`) to linear light.

        With ``colour``, frame 0 is also returned in RGB as it was taken; with ``colours``, all
        frames in linear RGB.

        Raises
        ------
        UserError
            If a frame is missing, cannot be read or has no colours, or the exposures that the files
            state differ and cannot be compared.
        """
        encoded = [self.encoded(number) for number in range(len(self.frames))]
        images = [
            decode(data, Path(name), self.bits, None, self.white)
            for data, name in zip(encoded, self.frames, strict=True)
        ]
        mask = self._mask()
        first = rgb(images[0], self.white) if colour else None
        eight_bit = all(image.dtype == np.uint8 for image in images)
        if self.is_picture:
            picture = grey(images[0])[None]
            return Pixels(picture, first, self.lights, self.landmarks, eight_bit=eight_bit)
        if colours and any(image.ndim == 2 for image in images):
            raise UserError(
                f"{self.frames[0]}: frames in grey have no colour_albedo; set it to false"
            )
        frames, saturated, channels = self._linear(images, encoded, colours)
        planes = np.stack([np.moveaxis(c, -1, 0) for c in channels]) if colours else None
        return Pixels(
            frames,
            first,
            self.lights,
            self.landmarks,
            self.rig,
            saturated,
            mask,
            planes,
            eight_bit=eight_bit and saturated is None,  # else in linear light, with finer steps
        )

    def _linear(
        self, images: list[np.ndarray], encoded: list[bytes], colours: bool
    ) -> tuple[np.ndarray, np.ndarray | None, list[np.ndarray]]:
        dark = self.dark
        dark_data = [read_bytes(Path(dark))] if dark else []
        paths = [Path(name) for name in (*self.frames, *([dark] if dark else []))]
        stated = [
            exposure_of(data, path)
            for data, path in zip([*encoded, *dark_data], paths, strict=True)
        ]
        exposures = relative_exposures(stated, paths)
        same = exposures is None or bool((exposures == 1).all())
        if same and not dark and (self.rig is None or not _corrects(self.rig)):
            channels = [rgb(image, self.white) for image in images] if colours else []
            return np.stack([grey(image, self.white) for image in images]), None, channels
        rig = self.rig or Rig()
        ambient = self._aide(dark) if dark else None
        flats = [self._aide(name) if name else None for name in self.flat_fields]
        return linear_frames(images, rig, ambient, flats, None if same else exposures)

    def _aide(self, name: str) -> np.ndarray:
        return decode(read_bytes(Path(name)), Path(name), self.bits, None, self.white)

    def _mask(self) -> np.ndarray | None:
        if not self.mask:
            return None
        return grey(decode(read_bytes(Path(self.mask)), Path(self.mask))) > 0.5


def _corrects(rig: Rig) -> bool:
    """Whether frames differ from what a linear camera takes under lamps of one colour."""
    camera = rig.camera
    return (
        camera.response != "linear"
        or camera.channel_weights is not None
        or any(lamp.flat_field or np.ndim(lamp.intensity) for lamp in rig.lamps)
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
        As long as each is strong; (0, 3) for a picture.
    landmarks : (5, 2) or None
        Supplied with the capture.
    rig : Rig or None
    saturated : (n, H, W) bool or None
        Where a frame is at the sensor's limit, if ``grey`` no longer tells.
    mask : (H, W) bool or None
        Where the face is, if supplied with the capture.
    colours : (n, 3, H, W) float32 or None
        All frames in red, green and blue.
    eight_bit : bool
        Whether ``grey`` and ``colour`` have the eight bits a channel of their files.
    """

    grey: np.ndarray
    colour: np.ndarray | None
    lights: np.ndarray
    landmarks: np.ndarray | None
    rig: Rig | None = None
    saturated: np.ndarray | None = None
    mask: np.ndarray | None = None
    colours: np.ndarray | None = None
    eight_bit: bool = False

    @property
    def visible(self) -> np.ndarray:
        """``grey``, brightened if undoing the response darkened it: for registration and detection,
        which are made for well exposed frames."""
        if self.saturated is None:
            return self.grey
        level = max(float(percentile(frame, 99)) for frame in self.grey)
        return np.clip(self.grey * np.float32(WELL_EXPOSED / max(level, 1e-6)), 0, 1)


@dataclass(frozen=True)
class Refusal:
    """An unusable capture, and why; bytes that are not UTF-8 are escaped.

    Attributes
    ----------
    identity, name, reason : str
    path : str
        Its folder or file, where that is known.
    """

    identity: str
    name: str
    reason: str
    path: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for name in ("identity", "name", "reason", "path"):
            text = getattr(self, name).encode(errors="backslashreplace").decode()
            object.__setattr__(self, name, one_form(text))


def refused(capture: Capture, reason: object) -> Refusal:
    """The refusal of a capture or picture that was read."""
    path = str(capture.place) if capture.frames else ""
    return Refusal(capture.identity, capture.name, str(reason), path)


def picture(identity: str, path: Path) -> Capture:
    """Return a picture file as a capture of one frame."""
    return Capture(identity, path.name, (str(path),), NO_LIGHTS)


def picture_pixels(image: np.ndarray, colour: bool = False) -> Pixels:
    """The pixels of a picture (H, W) or (H, W, 3), grey or RGB, uint8 or uint16."""
    colours = rgb(image) if colour else None
    eight_bit = image.dtype == np.uint8
    return Pixels(grey(image)[None], colours, NO_LIGHTS, None, eight_bit=eight_bit)
