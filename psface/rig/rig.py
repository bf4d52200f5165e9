"""A rig: its camera, its lamps, and how they were calibrated; read from and written to one file.

Coordinates are the camera's: x right, y up, z towards the camera, in mm from its centre of
projection. The camera looks along -z, so a face a metre away is near (0, 0, -1000).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from psface.config import Positive, Section, yaml_of
from psface.errors import UserError
from psface.files import replacing
from psface.paths import exists
from psface.rig.rig_parts import Calibration, Camera, Lamp
from psface.user_tables import read_text

__all__ = [
    "Calibration",
    "Camera",
    "Lamp",
    "Rig",
    "parse_camera",
    "parse_rig",
    "read_rig",
    "rig_path",
    "write_rig",
]

SCHEMA: Final = "psface-rig-1"
NAMES = ("rig.yaml", "rig.yml", "rig.json")  # in a rig's folder
FARTHEST = 1e6  # mm to a lamp or face
UNEQUAL = 1000.0  # times: lamps of more unlike strengths are of no use together, or mistyped
NEAREST = 50.0  # mm between a lamp and a face; nearer, the numbers are not mm
WORDS = {  # for pydantic's types of faults
    "extra_forbidden": "unknown key; remove it or correct its name",
    "tuple_type": "give a list", "model_type": "give keys with values",
    "string_type": "give text, in quotes", "int_type": "give a whole number",
    "float_type": "give a number", "finite_number": "give a finite number",
}  # fmt: skip


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
        called: set[str] = set()
        for name in self.names:
            if name in called:
                raise ValueError(
                    f"two lamps are called {name}, as one without a name is by its number; rename "
                    "one"
                    if any(not lamp.name for lamp in self.lamps)
                    else f"two lamps of one name, {name}; rename one"
                )
            called.add(name)
        strengths = [lamp.strength for lamp in self.lamps]
        if strengths and max(strengths) > UNEQUAL * min(strengths):
            raise ValueError(
                f"intensities of {min(strengths):.3g} to {max(strengths):.3g}; correct them, or "
                "leave out lamps so faint"
            )
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
        for name, lamp, to_lamp in zip(self.names, self.lamps, self._from_face(), strict=True):
            if np.abs(to_lamp).max() > FARTHEST:
                raise ValueError(
                    f"lamp {name} is {np.abs(to_lamp).max():.3g} mm from the face; give mm"
                )
            if np.linalg.norm(lamp.position_mm or 0) < NEAREST / 5 and len(self.lamps) > 1:
                raise ValueError(
                    f"lamp {name} is {np.linalg.norm(lamp.position_mm or 0):.3g} mm from the "
                    "camera: are these metres? give mm"
                )
            if np.linalg.norm(to_lamp) < NEAREST or to_lamp[2] <= 0:
                raise ValueError(
                    f"lamp {name} at {lamp.position_mm} mm is not in front of a face at "
                    f"distance_mm {self.distance_mm:g}; positions have z towards the camera"
                )
            if lamp.weakened(to_lamp) <= 0:
                raise ValueError(
                    f"lamp {name} points away from the face; its axis has z towards the camera"
                )

    def _from_face(self) -> np.ndarray:
        face = np.array([0, 0, -(self.distance_mm or 0)])
        return np.array([lamp.position_mm for lamp in self.lamps], dtype=np.float64) - face

    @property
    def names(self) -> tuple[str, ...]:
        """What the lamps are called: by their numbers from 1, where they have no name."""
        return tuple(lamp.name or str(number) for number, lamp in enumerate(self.lamps, 1))

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

    def lights(self) -> np.ndarray:
        """`directions` (n, 3), as long as each lamp is strong; 1 on average."""
        strengths = np.array([lamp.strength for lamp in self.lamps])
        if self.near:
            to_lamps = self._from_face()
            weakened = [lamp.weakened(to) for lamp, to in zip(self.lamps, to_lamps, strict=True)]
            strengths = strengths * weakened / (to_lamps**2).sum(axis=1)
        return self.directions() * (strengths / strengths.mean())[:, None]

    @property
    def mm_per_px(self) -> float | None:
        """Size of a pixel at the distance of faces, if known."""
        if self.camera.focal_px is None or self.distance_mm is None:
            return None
        return self.distance_mm / float(np.sqrt(self.camera.focal_px[0] * self.camera.focal_px[1]))

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
    if not exists(file):
        raise UserError(f"{file}: missing; give the rig's folder or file")
    return parse_rig(yaml_of(read_text(file), file), file)


def parse_rig(content: Any, path: Path) -> Rig:
    """Check a rig that was read from YAML or JSON; see `read_rig`."""
    if not isinstance(content, dict) or "schema" not in content:
        raise UserError(f"{path}: not a rig; its first line is `schema: {SCHEMA}`")
    try:
        return Rig.model_validate(content)
    except ValidationError as error:
        faults = [f"{_name(item['loc'])}{_message(item)}" for item in error.errors()]
        raise UserError(f"{path}: {'; '.join(list(dict.fromkeys(faults))[:3])}") from None


def parse_camera(content: Any, path: Path) -> Camera:
    """Check a camera as `parse_rig` does that of a rig."""
    return parse_rig({"schema": SCHEMA, "camera": content}, path).camera


def write_rig(path: Path, rig: Rig) -> None:
    """Write a rig as JSON."""
    with replacing(path) as partial:
        partial.write_text(rig.text(), encoding="utf-8")


def _name(loc: tuple[int | str, ...]) -> str:
    loc = loc[:2] if loc[:2] == ("camera", "response") else loc
    loc = loc[:3] if loc[2:3] == ("intensity",) else loc
    parts = [f"{part + 1}" if isinstance(part, int) else str(part) for part in loc]
    return f"{'.'.join(parts)}: " if parts else ""


def _message(item: Any) -> str:
    if item["loc"][:2] == ("camera", "response"):
        return "linear, srgb, {gamma: 2.2} (1 to 4), or {table: [0, ..., 1]} that rises"
    if item["loc"][2:3] == ("intensity",):
        return "give a number above 0, or three of them for red, green and blue"
    return WORDS.get(item["type"], str(item["msg"]).removeprefix("Value error, "))
