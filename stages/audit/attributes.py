"""Spectacles and masks, by a model of psface where one is given."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stages.audit.rules import Finding
from stages.detect import Face
from stages.params import AuditParams

OF_MODEL = ("spectacles", "mask")


def attribute_findings(
    image: np.ndarray, faces: list[Face], params: AuditParams
) -> Iterator[Finding]:
    """What the model says of the largest face of a picture (H, W, 3); nothing without a model."""
    if params.model:
        for name in OF_MODEL:
            yield Finding(name, "not checked", note=f"{params.model} is not applied")


def unchecked(params: AuditParams) -> Iterator[Finding]:
    """The rules of `OF_MODEL`, once for the whole set, where there is no model."""
    if not params.model:
        for name in OF_MODEL:
            yield Finding(name, "not checked", note="no model given")
