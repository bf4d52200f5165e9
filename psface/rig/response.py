"""How a camera's values grow with light, and its undoing."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from psface.config import Section


class Gamma(Section):
    """Values are light to the power 1/gamma; one under 1 would darken, as no camera does."""

    gamma: Annotated[float, Field(ge=1, le=4)]


class Table(Section):
    """Light at evenly spaced values from black to white, rising from 0 to 1."""

    table: Annotated[tuple[float, ...], Field(strict=False, min_length=2, max_length=65536)]

    @model_validator(mode="after")
    def _rising(self) -> Table:
        steps = np.diff(self.table)
        if (steps < 0).any() or self.table[0] != 0 or self.table[-1] != 1:
            raise ValueError("a response table rises from 0 to 1")
        return self


Response = Literal["linear", "srgb"] | Gamma | Table


def linear_light(values: np.ndarray, response: Response) -> np.ndarray:
    """Undo a response: from values in [0, 1], of any shape, to linear light in [0, 1].

    ``srgb`` is the curve of IEC 61966-2-1.

    Examples
    --------
    >>> linear_light(np.array([0.0, 0.5, 1.0]), "srgb").round(3).tolist()
    [0.0, 0.214, 1.0]
    """
    if response == "linear":
        return values
    if response == "srgb":
        curved = ((values + 0.055) / 1.055) ** 2.4
        return np.where(values <= 0.04045, values / 12.92, curved).astype(values.dtype)
    if isinstance(response, Gamma):
        return (np.maximum(values, 0) ** response.gamma).astype(values.dtype)
    places = np.linspace(0, 1, len(response.table))
    return np.interp(values, places, response.table).astype(values.dtype)


def encoded(light: np.ndarray, response: Response) -> np.ndarray:
    """Apply a response to linear light in [0, 1]: the inverse of `linear_light`.

    Examples
    --------
    >>> encoded(np.array([0.0, 0.214041, 1.0]), "srgb").round(3).tolist()
    [0.0, 0.5, 1.0]
    """
    if response == "linear":
        return light
    if response == "srgb":
        curved = np.maximum(light, 0.0031308)  # a power of zero takes many times as long
        curved **= 1 / 2.4
        curved *= 1.055
        curved -= 0.055
        np.copyto(curved, light * 12.92, where=light <= 0.0031308)
        return curved
    if isinstance(response, Gamma):
        return (np.maximum(light, 0) ** (1 / response.gamma)).astype(light.dtype)
    places = np.linspace(0, 1, len(response.table))
    return np.interp(light, response.table, places).astype(light.dtype)
