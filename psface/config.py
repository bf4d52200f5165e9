"""Read params.yaml as typed, checked sections.

A section's class is beside the code that it configures. Callers select the sections they need by a
`Selection`; the others are ignored, so that a wrong value stops only the commands that use it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML

from psface.errors import UserError
from psface.files import check_regular

PARAMS = Path("params.yaml")
SHOWN = 5  # faults reported at once

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Seed = Annotated[int, Field(ge=0)]


def like(pattern: str, example: str) -> AfterValidator:
    """Refuse text that a pattern does not match as a whole, and give an example."""

    def checked(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected text like {example}")
        return text

    return AfterValidator(checked)


# File parameters are dependencies in dvc.yaml, so "none" must be a file as well.
NO_FILE = "models/none"
FileName = Annotated[str, AfterValidator(lambda name: "" if name == NO_FILE else name)]

# Parameters of earlier versions, and their present names.
MOVED = {
    "ingest.sessions_per_identity": "ingest.yale.sessions_per_identity",
    "ingest.lights_per_session": "ingest.yale.lights_per_session",
    "ingest.max_angle": "ingest.yale.max_angle",
}


class Section(BaseModel):
    """One section: unknown keys, wrong types and infinite numbers are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Selection(BaseModel):
    """A selection of the file's sections and top-level keys; others are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)


Selected = TypeVar("Selected", bound=BaseModel)


def load(kind: type[Selected], path: Path = PARAMS) -> Selected:
    """Read and check the sections that ``kind`` names.

    Raises
    ------
    UserError
        If the file is missing or not YAML, or the sections have wrong, unknown or missing values;
        the message lists the first ones: the parameter, its value and what is allowed.
    """
    content = read_yaml(path)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        faults = [_describe(path, item)[:300] for item in error.errors()]
        more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        raise UserError("; ".join([*faults[:SHOWN], *more])) from None


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises
    ------
    UserError
        If it is missing or not YAML.
    """
    check_regular(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run this in the project's root folder") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as YAML: {error}") from error
    return yaml_of(text, path)


def yaml_of(text: str, path: Path) -> Any:
    """Parse the YAML of a file; `UserError` if it is not YAML."""
    try:
        return parse_yaml(text)
    except Exception as error:  # the parser can raise anything on odd text
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{path}: not readable as YAML: {reason}") from error


def parse_yaml(text: str) -> Any:
    """Parse YAML 1.2, as DVC writes params.yaml: in 1.1, a label `no` would be read as false."""
    return YAML(typ="safe", pure=True).load(text)


def _describe(path: Path, item: Any) -> str:
    name = ".".join(str(part) for part in item["loc"]) or "the file"
    match item["type"]:
        case "literal_error":
            allowed = item["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
            return f"{path}: {name}={item['input']} is unknown: use one of {allowed}"
        case "missing":
            return f"{path}: {name} is missing"
        case "extra_forbidden" if name in MOVED:
            return f"{path}: {name} is now called {MOVED[name]}: rename it"
        case "extra_forbidden":
            return f"{path}: unknown parameter {name}: remove it or correct its name"
    message = item["msg"].removeprefix("Value error, ")
    value = "" if isinstance(item["input"], dict) else f"={item['input']!r}"
    return f"{path}: {name}{value}: {message[0].lower()}{message[1:]}"
