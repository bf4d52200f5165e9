"""Photoface's ``LightSource.m`` (Zafeiriou et al., "The Photoface database", CVPRW 2011)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from psface.errors import UserError
from psface.rig.formats.found import Found, Options, file_of
from psface.user_tables import read_text

LIGHTS = "LightSource.m"
_TERM = re.compile(r"\s*([+-]?)\s*(\d+\.?\d*(?:[eE][+-]?\d{1,2})?|\.\d+)", re.ASCII)


def read_source(source: Path, options: Options) -> Found:
    """Read a ``LightSource.m``, or the one in a session's folder.

    Its lamps are named ``im0``, ``im1``, ... by the frames that they light; see
    `psface.rig.formats.rig_formats`.

    Raises
    ------
    UserError
        If it is missing or malformed.
    """
    path = source
    if source.is_dir():
        path = file_of(source, LIGHTS) or source / LIGHTS
    lights = read_light_source(path)
    if not len(lights):
        raise UserError(f"{path}: no lights in it; give a row `90-r 360-a;` for each")
    lamps = [{"name": f"im{i}", "direction": light} for i, light in enumerate(lights.tolist())]
    return Found(lamps, (path,))


def read_light_source(path: Path) -> np.ndarray:
    """Read the light directions of a ``LightSource.m``: rows ``90-r 360-a;`` in degrees.

    ``r`` is the slant from the optical axis and ``a`` the azimuth clockwise from image-up, so that
    ``l = (sin r sin a, sin r cos a, cos r)``.

    Returns
    -------
    (n, 3) float64
        Unit vectors from the surface to the light.

    Raises
    ------
    UserError
        If the file is missing or a row between the brackets is not of that form.
    """
    text = _without_comments(read_text(path))
    bodies = re.findall(r"LightAngle\s*=\s*\[(.*?)\]", text, re.DOTALL)
    if not bodies:
        raise UserError(f"{path}: no `LightAngle = [ ... ];`")
    angles = []
    for row in re.split(r"[;\n]", bodies[-1]):
        elements = _elements(row)
        if elements is None or (elements and len(elements) != 2):
            raise UserError(f"{path}: row `{row.strip()}` is not of the form `90-r 360-a;`")
        if elements:
            # Term by term: 90 - (90 - r) would differ from r by rounding.
            angles.append([_less(90.0, elements[0]), _less(360.0, elements[1])])
    slant, azimuth = np.radians(np.reshape(angles, (-1, 2))).T
    return np.stack(
        [np.sin(slant) * np.sin(azimuth), np.sin(slant) * np.cos(azimuth), np.cos(slant)], axis=-1
    )


def _without_comments(text: str) -> str:
    """Remove MATLAB's comments, and join continued lines."""
    text = re.sub(r"^\s*%\{\s*$.*?^\s*%\}\s*$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"\.\.\..*?(\n|$)", " ", re.sub(r"%.*", "", text))


def _elements(row: str) -> list[list[float]] | None:
    """Split a matrix row into elements, each as the terms of its sum; None if it is malformed.

    As in MATLAB, commas and blanks separate elements: ``a -b`` is two elements, ``a - b`` one.
    """
    elements: list[list[float]] = []
    new, rest = True, row.strip()
    while rest:
        match = _TERM.match(rest)
        if match is None:
            return None
        sign, digits = match.groups()
        before, after = rest[: match.start(1)], rest[match.end(1) : match.start(2)]
        joined = bool(sign) and not (before and not after)
        if not new and not joined and not before:
            return None  # 9090
        value = -float(digits) if sign == "-" else float(digits)
        if new or not joined:
            elements.append([])
        elements[-1].append(value)
        rest = rest[match.end() :]
        comma = re.match(r"\s*,\s*", rest)
        new = comma is not None
        rest = rest[comma.end() :] if comma else rest
        if new and not rest:
            break
        if not rest.strip():
            break
    return elements


def _less(value: float, terms: list[float]) -> float:
    for term in terms:
        value -= term
    return value
