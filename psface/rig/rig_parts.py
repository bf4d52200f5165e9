"""The parts of a rig: camera, lamps, and how they were calibrated."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from psface.config import NonNegative, Positive, Section
from psface.paths import one_form
from psface.rig.response import Response

# Of a focal length in pixels, relative to the picture's longer side; others are mm, or mistyped.
SHORTEST, LONGEST = 0.25, 1000.0
LONGEST_NAME = 200  # characters
OFF_CENTRE = 0.4  # of the size: a principal point farther from the middle is not in pixels
LENGTH_TOLERANCE = 0.02  # of a direction's length, which should be 1

Vector = Annotated[tuple[float, float, float], Field(strict=False)]
Pair = Annotated[tuple[Positive, Positive], Field(strict=False)]
Channels = Annotated[tuple[Positive, Positive, Positive], Field(strict=False)]


def _day(value: Any) -> Any:
    """A date as text: YAML reads one without quotes as a date."""
    text = value.isoformat() if type(value) is date else value
    if text != "":
        try:
            date.fromisoformat(text)
        except (TypeError, ValueError):
            raise ValueError("not a date YYYY-MM-DD") from None
    return text


def _called(name: str) -> str:
    """A lamp's name as in a user's table: stripped, and in one Unicode form."""
    if not name.isprintable() or len(name) > LONGEST_NAME:
        raise ValueError(f"a name is text of at most {LONGEST_NAME} characters, without tabs")
    return one_form(name.strip())


class Camera(Section):
    """What is known of the camera.

    Attributes
    ----------
    width_px, height_px : int or None
        Size of its frames.
    focal_px : (2,) or None
        Focal length along x and y; lamps with positions need it.
    centre_px : (2,) or None
        Principal point, x right and y down from the centre of the first pixel; the middle if None.
    response : Response
        How a frame's values grow with light.
    white : float
        Value of a saturated pixel in frames of floating-point numbers.
    channel_weights : (3,) or None
        Shares of red, green and blue in grey. If None, all alike for a linear camera, and green
        alone for another: its processing mixes the channels, and skin scatters red light, which
        flattens its shading.
    """

    width_px: Annotated[int, Field(ge=1)] | None = None
    height_px: Annotated[int, Field(ge=1)] | None = None
    focal_px: Pair | None = None
    centre_px: Annotated[tuple[float, float], Field(strict=False)] | None = None
    response: Response = "linear"
    white: Positive = 1.0
    channel_weights: (
        Annotated[tuple[NonNegative, NonNegative, NonNegative], Field(strict=False)] | None
    ) = None

    @model_validator(mode="after")
    def _complete(self) -> Camera:
        if (self.width_px is None) != (self.height_px is None):
            raise ValueError("give both width_px and height_px, or neither")
        if self.focal_px and self.width_px and self.height_px:
            size = max(self.width_px, self.height_px)
            if not SHORTEST * size <= min(self.focal_px) <= max(self.focal_px) <= LONGEST * size:
                raise ValueError(
                    f"a focal length of {self.focal_px[0]:g} px for pictures of {size} px; give "
                    "pixels: the lens's mm / the sensor's mm across x the picture's pixels across"
                )
        if self.centre_px and self.width_px and self.height_px:
            sizes = self.width_px, self.height_px
            off = [at / size - 0.5 for at, size in zip(self.centre_px, sizes, strict=True)]
            if max(map(abs, off)) > OFF_CENTRE:
                raise ValueError(
                    f"centre_px {self.centre_px} is far from the middle of {sizes[0]}x{sizes[1]} "
                    "pixels; give pixels of these pictures"
                )
        if self.channel_weights is not None and not any(self.channel_weights):
            raise ValueError("channel_weights are all zero")
        return self

    @property
    def grey_weights(self) -> tuple[float, float, float]:
        """Shares of red, green and blue in grey, of sum 1."""
        given = self.channel_weights or ((1, 1, 1) if self.response == "linear" else (0, 1, 0))
        red, green, blue = (weight / sum(given) for weight in given)
        return red, green, blue


class Lamp(Section):
    """One lamp.

    Attributes
    ----------
    direction : (3,) or None
        Unit vector from the face to a distant lamp.
    position_mm : (3,) or None
        Of a near lamp, whose light falls off with the square of the distance.
    intensity : float or (3,)
        Strength relative to the other lamps, or that of each colour channel; for a near lamp,
        its radiant intensity along its axis.
    axis : (3,) or None
        Where a near lamp points; needed with an anisotropy.
    anisotropy : float
        Exponent of the cosine by which a near lamp weakens off its axis; 0 shines alike all round,
        1 is a bare (Lambertian) LED.
    flat_field : str
        Picture of a plain matte surface under a distant lamp, in the rig's folder.
    """

    name: Annotated[str, AfterValidator(_called)] = ""
    direction: Vector | None = None
    position_mm: Vector | None = None
    intensity: Positive | Channels = 1.0
    axis: Vector | None = None
    anisotropy: NonNegative = 0.0
    flat_field: str = ""

    @model_validator(mode="after")
    def _one_kind(self) -> Lamp:
        who = f"lamp {self.name}".strip()
        if (self.direction is None) == (self.position_mm is None):
            raise ValueError(f"{who} needs either a direction or a position_mm")
        if self.direction is not None:
            length = float(np.linalg.norm(self.direction))
            if abs(length - 1) > LENGTH_TOLERANCE:
                raise ValueError(
                    f"{who}: direction of length {length:.3g}; give one of length 1, and the "
                    "lamp's strength as intensity"
                )
            if self.direction[2] <= 0:
                raise ValueError(f"{who} is behind the face (direction z <= 0)")
            if self.axis is not None or self.anisotropy:
                raise ValueError(f"{who}: an axis or anisotropy needs a position_mm")
        elif self.flat_field:
            raise ValueError(f"{who}: a flat field holds the fall-off that its position gives")
        if self.anisotropy and self.axis is None:
            raise ValueError(f"{who}: an anisotropy needs an axis")
        if self.axis is not None and not np.any(self.axis):
            raise ValueError(f"{who}: an axis of length 0")
        return self

    def weakened(self, to_lamp: np.ndarray) -> float:
        """Share of its strength that is left off its axis, for a point that sees it along
        ``to_lamp`` (3,)."""
        if not self.anisotropy or self.axis is None:
            return 1.0
        axis = np.array(self.axis) / np.linalg.norm(self.axis)
        cosine = -float(axis @ to_lamp) / float(np.linalg.norm(to_lamp))
        return max(cosine, 0.0) ** self.anisotropy

    @property
    def strength(self) -> float:
        """Intensity, averaged over the colour channels."""
        return float(np.mean(self.intensity))


class Calibration(Section):
    """When and from what a rig was calibrated, and how sure it is.

    Attributes
    ----------
    date : str
        YYYY-MM-DD.
    method : str
        ``mirror balls``, ``matte ball``, or the file it was imported from.
    targets : tuple of str
        Folders of the pictures.
    score_deg : float or None
        Estimated error of the directions in degrees.
    """

    date: Annotated[str, BeforeValidator(_day)] = ""
    method: str = ""
    targets: Annotated[tuple[str, ...], Field(strict=False)] = ()
    score_deg: NonNegative | None = None
