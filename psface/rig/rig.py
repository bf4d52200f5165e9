"""A rig: its camera, its lamps, and how they were calibrated; read from and written to one file.

Coordinates are the camera's: x right, y up, z towards the camera, in mm from its centre of
projection. The camera looks along -z, so a face a metre away is near (0, 0, -1000).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from psface.config import NonNegative, Positive, Section, read_yaml
from psface.errors import UserError
from psface.files import replacing
from psface.rig.response import Response

SCHEMA = "psface-rig-1"
NAMES = ("rig.yaml", "rig.yml", "rig.json")  # in a rig's folder
NEAREST = 50.0  # mm between a lamp and a face; nearer, the numbers are not mm
LENGTH_TOLERANCE = 0.02  # of a direction's length, which should be 1

Vector = Annotated[tuple[float, float, float], Field(strict=False)]
Pair = Annotated[tuple[Positive, Positive], Field(strict=False)]
Channels = Annotated[tuple[Positive, Positive, Positive], Field(strict=False)]


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
    """

    width_px: Annotated[int, Field(ge=1)] | None = None
    height_px: Annotated[int, Field(ge=1)] | None = None
    focal_px: Pair | None = None
    centre_px: Annotated[tuple[float, float], Field(strict=False)] | None = None
    response: Response = "linear"
    white: Positive = 1.0

    @model_validator(mode="after")
    def _complete(self) -> Camera:
        if (self.width_px is None) != (self.height_px is None):
            raise ValueError("give both width_px and height_px, or neither")
        return self


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

    name: str = ""
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

    date: str = ""
    method: str = ""
    targets: Annotated[tuple[str, ...], Field(strict=False)] = ()
    score_deg: NonNegative | None = None


class Rig(Section):
    """Camera, lamps, and the light of the room.

    Attributes
    ----------
    lamps : tuple of Lamp
        In the order of the frames, unless captures name their lamps; all distant or all near.
        Empty if only the camera is known: the captures then give their lights.
    distance_mm : float or None
        About how far faces are from the camera; near lamps need it.
    ambient : str
        Frame with all lamps off, in the rig's folder.
    """

    schema_: Annotated[Literal["psface-rig-1"], Field(alias="schema")] = SCHEMA
    camera: Camera = Camera()
    lamps: Annotated[tuple[Lamp, ...], Field(strict=False)] = ()
    distance_mm: Positive | None = None
    ambient: str = ""
    calibration: Calibration = Calibration()

    @model_validator(mode="after")
    def _consistent(self) -> Rig:
        if len({lamp.position_mm is None for lamp in self.lamps}) > 1:
            raise ValueError("some lamps have a direction and some a position_mm; give all alike")
        names = [lamp.name for lamp in self.lamps if lamp.name]
        if len(set(names)) < len(names):
            raise ValueError("two lamps of one name; rename one")
        if self.near:
            if self.camera.focal_px is None:
                raise ValueError("lamps with positions need camera.focal_px")
            if self.camera.width_px is None:
                raise ValueError("lamps with positions need camera.width_px and height_px")
            if self.distance_mm is None:
                raise ValueError("lamps with positions need distance_mm, from the camera to faces")
            self._check_distances()
        return self

    def _check_distances(self) -> None:
        if self.distance_mm is not None and self.distance_mm < NEAREST:
            raise ValueError(f"distance_mm {self.distance_mm:g}: are these metres? give mm")
        for lamp, to_lamp in zip(self.lamps, self._from_face(), strict=True):
            if np.linalg.norm(lamp.position_mm or 0) < NEAREST / 5 and len(self.lamps) > 1:
                raise ValueError(
                    f"lamp {lamp.name} is {np.linalg.norm(lamp.position_mm or 0):.3g} mm from the "
                    "camera: are these metres? give mm"
                )
            if np.linalg.norm(to_lamp) < NEAREST or to_lamp[2] <= 0:
                raise ValueError(
                    f"lamp {lamp.name} at {lamp.position_mm} mm is not in front of a face at "
                    f"distance_mm {self.distance_mm:g}; positions have z towards the camera"
                )

    def _from_face(self) -> np.ndarray:
        face = np.array([0, 0, -(self.distance_mm or 0)])
        return np.array([lamp.position_mm for lamp in self.lamps], dtype=np.float64) - face

    @property
    def near(self) -> bool:
        """Whether the lamps have positions."""
        return bool(self.lamps) and self.lamps[0].position_mm is not None

    def directions(self) -> np.ndarray:
        """Unit vectors (n, 3) from a face in the middle of the picture to the lamps.

        Examples
        --------
        >>> Rig(lamps=[Lamp(direction=(0.6, 0, 0.8))]).directions().tolist()
        [[0.6, 0.0, 0.8]]
        """
        if not self.lamps:
            return np.empty((0, 3))
        if self.near:
            vectors = self._from_face()
        else:
            vectors = np.array([lamp.direction for lamp in self.lamps], dtype=np.float64)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def strengths(self) -> np.ndarray:
        """Relative intensities (n,), averaged over the colour channels."""
        return np.array([lamp.strength for lamp in self.lamps])

    def with_lamps(self, chosen: list[int]) -> Rig:
        """Return the rig with some of its lamps, in the given order."""
        return self.model_copy(update={"lamps": tuple(self.lamps[i] for i in chosen)})

    def text(self) -> str:
        """The rig as JSON, with only what differs from the defaults."""
        content = {"schema": SCHEMA, **self.model_dump(mode="json", exclude_defaults=True)}
        return json.dumps(content, indent=2) + "\n"


def rig_path(path: Path) -> Path:
    """Return the rig file in a folder, or the file itself.

    Raises
    ------
    UserError
        If a folder has none, or several.
    """
    if not path.is_dir():
        return path
    found = [path / name for name in NAMES if (path / name).exists()]
    if len(found) != 1:
        fault = "no rig.yaml in it" if not found else f"{found[0].name} and {found[1].name}"
        raise UserError(f"{path}: {fault}; a rig's folder holds one rig file")
    return found[0]


def read_rig(path: Path) -> Rig:
    """Read a rig file (YAML or JSON), or the one in a folder.

    Raises
    ------
    UserError
        If it is missing, is not a rig, or its parts do not fit each other; the message names the
        key.
    """
    file = rig_path(path)
    return parse_rig(read_yaml(file), file)


def parse_rig(content: Any, path: Path) -> Rig:
    """Check a rig that was read from YAML or JSON; see `read_rig`."""
    if not isinstance(content, dict) or "schema" not in content:
        raise UserError(f"{path}: not a rig; its first line is `schema: {SCHEMA}`")
    try:
        return Rig.model_validate(content)
    except ValidationError as error:
        faults = [f"{_name(item['loc'])}{_message(item)}" for item in error.errors()]
        raise UserError(f"{path}: {'; '.join(list(dict.fromkeys(faults))[:3])}") from None


def write_rig(path: Path, rig: Rig) -> None:
    """Write a rig as JSON."""
    with replacing(path) as partial:
        partial.write_text(rig.text(), encoding="utf-8")


def _name(loc: tuple[int | str, ...]) -> str:
    loc = loc[:2] if loc[:2] == ("camera", "response") else loc
    parts = [f"{part + 1}" if isinstance(part, int) else str(part) for part in loc]
    return f"{'.'.join(parts)}: " if parts else ""


def _message(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "unknown key; remove it or correct its name"
    if item["loc"][:2] == ("camera", "response"):
        return "linear, srgb, {gamma: 2.2}, or {table: [0, ..., 1]} that rises"
    return str(item["msg"]).removeprefix("Value error, ")
