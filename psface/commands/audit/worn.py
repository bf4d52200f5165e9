"""Apply the rules on spectacles and masks, by a psface model if one is given."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from psface.captures.capture import picture, picture_pixels
from psface.commands.audit.audit_params import AuditParams
from psface.commands.audit.rules import Finding, Rule
from psface.detect.face import Face
from psface.errors import UserError
from psface.faces.cropping import crop_at
from psface.model.card import read_card
from psface.recognise.preprocessing import check_kind
from psface.recognise.recogniser import Recogniser

OF_MODEL = ("spectacles", "mask")
WITHOUT = "without"  # the required class


def attribute_findings(
    image: np.ndarray, faces: list[Face], rules: dict[str, Rule], params: AuditParams
) -> Iterator[Finding]:
    """Apply the model to the first face of a picture (H, W, 3); nothing without a model.

    The value is the probability that something is worn.
    """
    if not params.model:
        return
    recogniser = _recogniser(params.model)
    names = [name for name in OF_MODEL if name in recogniser.card.tasks]
    if not faces:
        yield from (rules[name].judge(None, "no face found") for name in names)
        return
    crops = recogniser.card.crop
    crop = crop_at(faces[0], "picture", picture_pixels(image, crops.colour), None, crops)
    probabilities = recogniser.embed([crop]).attributes
    for name in names:
        classes = list(recogniser.card.tasks[name])
        yield rules[name].judge(1 - float(probabilities[name][0, classes.index(WITHOUT)]))


def unchecked(params: AuditParams) -> Iterator[Finding]:
    """Report the rules of `OF_MODEL` that cannot be checked, once for the whole set.

    Raises
    ------
    UserError
        If the model is not for pictures, or a task has no class `WITHOUT`.
    """
    tasks: dict[str, dict[str, list[str]]] = {}
    if params.model:
        card = read_card(Path(params.model))
        check_kind(picture("", Path(params.model)), card)
        tasks = card.tasks
    for name in OF_MODEL:
        if name not in tasks:
            reason = f"{params.model} has no such task" if params.model else "no model given"
            yield Finding(name, "not checked", note=reason)
        elif WITHOUT not in tasks[name]:
            classes = ", ".join(tasks[name])
            raise UserError(f"{params.model}: task {name} has classes {classes}, not {WITHOUT!r}")


@lru_cache(maxsize=1)
def _recogniser(folder: str) -> Recogniser:
    return Recogniser(Path(folder))
