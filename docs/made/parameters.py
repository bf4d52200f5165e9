"""Every key of params.yaml: its comment there, its value, and what the checker allows."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel

from psface.commands.audit.audit_params import AuditParams
from psface.commands.compare.compare_params import CompareParams
from psface.commands.overlap.overlap_params import OverlapParams
from psface.commands.pretrain.pretrain_params import PretrainParams
from psface.commands.scenes.scenes_params import ScenesParams
from psface.commands.survey.survey_params import SurveyParams
from psface.commands.train_detector.train_detector_params import TrainMtcnnParams
from psface.commands.transfer.transfer_params import TransferParams
from stages.params import Params

FILE = Path(__file__).parents[2] / "params.yaml"
KEY = re.compile(r"^( *)([A-Za-z_][\w-]*):(?:\s+([^#]*?))?(?:\s*#\s?(.*))?$")
SHOWN = 24  # values of a choice that are listed
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


class Everything(Params):
    """params.yaml with the sections of all commands."""

    audit: AuditParams
    compare: CompareParams
    overlap: OverlapParams
    pretrain: PretrainParams
    scenes: ScenesParams
    survey: SurveyParams
    train_mtcnn: TrainMtcnnParams
    transfer: TransferParams


@dataclass
class Key:
    """A key of the file.

    Attributes
    ----------
    name : str
        With those of the sections around it, separated by dots.
    value : str
        As it is written; empty for a section.
    comment : str
    model : type or None
        What checks a section; None for another key.
    allowed : str
    """

    name: str
    value: str
    comment: str
    model: type[BaseModel] | None
    allowed: str


def keys(text: str) -> list[Key]:
    """The keys of params.yaml that the checker knows; deeper ones are values.

    A comment is what stands behind a key, or in the lines above it.
    """
    found: list[Key] = []
    above: list[str] = []
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            above.append(line.lstrip().lstrip("#").strip())
            continue
        if not (match := KEY.match(line)):
            above = []
            continue
        indent, name, value, behind = match.groups()
        path = [(at, part) for at, part in path if at < len(indent)]
        path.append((len(indent), name))
        parts = [part for _, part in path]
        if annotation := annotated(parts):
            model = section_of(annotation)
            comment = " ".join([*above, behind or ""]).strip()
            found.append(Key(".".join(parts), value or "", comment, model, allowed(annotation)))
        above = []
    return found


def annotated(parts: list[str]) -> Any:
    """What checks a key; None if it is part of another key's value."""
    model: Any = Everything
    for part in parts:
        if model is None or part not in model.model_fields:
            return None
        field = model.model_fields[part]
        annotation = field.annotation
        if field.metadata:
            annotation = Annotated[(annotation, *field.metadata)]
        model = section_of(annotation)
    return annotation


def section_of(annotation: Any) -> type[BaseModel] | None:
    return (
        annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    )


def allowed(annotation: Any) -> str:
    """What values are allowed, in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return " ".join([allowed(arguments[0]), *bounds(arguments[1:])]).strip()
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments[:SHOWN])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(allowed(part) for part in arguments))
    if origin is list:
        return f"a list of {allowed(arguments[0])}"
    if origin is dict or section_of(annotation):
        return "a section"
    return "empty" if annotation is type(None) else WORDS.get(annotation, "")


def bounds(metadata: tuple[Any, ...]) -> Iterator[str]:
    for bound in flattened(metadata):
        match bound:
            case Ge(ge=least):
                yield f"of {least} or more"
            case Gt(gt=least):
                yield f"above {least}"
            case Le(le=most):
                yield f"up to {most}"
            case Lt(lt=most):
                yield f"below {most}"
            case MinLen(min_length=1):
                yield "(not empty)"


def flattened(metadata: tuple[Any, ...]) -> Iterator[Any]:
    for item in metadata:
        inner = getattr(item, "metadata", None)
        yield from flattened(tuple(inner)) if inner else (item,)


def page() -> str:
    """The sections as Markdown: a heading each, and a table."""
    every = keys(FILE.read_text(encoding="utf-8"))
    undescribed = [key.name for key in every if not key.comment and (key.value or not key.model)]
    if undescribed:
        raise ValueError(f"{FILE.name}: {', '.join(undescribed)} have no comment")
    groups: dict[str, list[Key]] = {"At the top": []}
    for key in every:
        section = key.name.partition(".")[0]
        if key.model and "." not in key.name:
            groups[section] = []
        if not (key.model and not key.comment):
            groups[section if section in groups else "At the top"].append(key)
    return "\n\n".join(table(name, of) for name, of in groups.items())


def table(section: str, every: list[Key]) -> str:
    rows = ["| key | value | allowed | meaning |", "| --- | --- | --- | --- |"]
    said = ""
    for key in every:
        if key.name == section:
            said = f"{key.comment[0].upper()}{key.comment[1:]}.\n\n"
            continue
        value = f"`{key.value}`" if key.value else ""
        cells = (f"`{key.name}`", value, key.allowed, key.comment)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    title = section if section == "At the top" else f"`{section}`"
    return f"## {title}\n\n{said}" + "\n".join(rows)
