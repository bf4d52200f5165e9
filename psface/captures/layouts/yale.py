"""Reader of the cropped Extended Yale B set (Georghiades et al., PAMI 2001; Lee et al., 2005).

One sitting per person under up to 64 lights, ``<person>/<person>_P00A+aaaE+ee.pgm``: azimuth and
elevation of the light in degrees. Several captures per person are made by drawing disjoint sets of
lights.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from psface.captures.capture import Capture, Refusal
from psface.captures.ingest_params import IngestParams
from psface.paths import folders_in, listed

_NAME = re.compile(r"^.+_P(\d{1,3})A([+-]\d{1,3})E([+-]\d{1,3})$", re.ASCII)


def read_yale(root: Path, params: IngestParams, seed: int) -> Iterator[Capture | Refusal]:
    """Yield ``sessions_per_identity`` disjoint draws of lights for every person under ``root``.

    The circle of azimuths about the camera's axis is cut into ``lights_per_session`` equal sectors
    (quadrants, for four lights) and each draw takes one light from each, so that the lights of
    every capture surround the face. Lights more than ``max_angle`` from the axis are left out. The
    draws depend only on the seed and the person's name. The full set has nine poses, whose pictures
    are not aligned with each other, so each is drawn from separately; draws of ``P01`` are
    ``P01-draw0``...
    """
    for person in folders_in(root):
        poses: dict[int, dict[Path, tuple[float, float, float]]] = {}
        for path in listed(person):
            if (match := _NAME.match(path.stem)) and path.suffix.lower() == ".pgm":
                pose, azimuth, elevation = map(int, match.groups())
                poses.setdefault(pose, {})[path] = light_direction(azimuth, elevation)
        for pose, frames in sorted(poses.items()):
            yield from _sessions(person, pose, frames, params, seed)


def _sessions(
    person: Path,
    pose: int,
    frames: dict[Path, tuple[float, float, float]],
    params: IngestParams,
    seed: int,
) -> Iterator[Capture | Refusal]:
    name = zlib.crc32(os.fsencode(person.name))
    rng = np.random.default_rng([seed, name, pose] if pose else [seed, name])
    draws, prefix = _draw(frames, params, rng), f"P{pose:02}-" if pose else ""
    for number, paths in enumerate(draws):
        yield Capture(
            identity=person.name,
            name=f"{prefix}draw{number}",
            frames=tuple(path.as_posix() for path in paths),
            lights=np.array([frames[path] for path in paths]),
        )
    for number in range(len(draws), params.yale.sessions_per_identity):
        yield Refusal(
            person.name,
            f"{prefix}draw{number}",
            f"{person}: lights within {params.yale.max_angle:g} degrees give only {len(draws)} "
            "disjoint draws; raise ingest.yale.max_angle or lower "
            "ingest.yale.sessions_per_identity",
        )


def light_direction(azimuth: float, elevation: float) -> tuple[float, float, float]:
    """Unit vector of Yale's angles in degrees; positive azimuth lights the image's left half."""
    a, e = np.radians([azimuth, elevation])
    return (
        float(-np.sin(a) * np.cos(e)),
        float(np.sin(e)),
        float(np.cos(a) * np.cos(e)),
    )


def _draw(
    frames: dict[Path, tuple[float, float, float]],
    params: IngestParams,
    rng: np.random.Generator,
) -> list[list[Path]]:
    width = 360 / params.yale.lights_per_session
    sectors: list[list[Path]] = [[] for _ in range(params.yale.lights_per_session)]
    for path, (x, y, z) in frames.items():
        on_axis = np.hypot(x, y) < 1e-6
        if not on_axis and z >= np.cos(np.radians(params.yale.max_angle)):
            sectors[int(np.degrees(np.arctan2(y, x)) % 360 // width)].append(path)
    shuffled = [[sector[i] for i in rng.permutation(len(sector))] for sector in sectors]
    draws = min(params.yale.sessions_per_identity, min(len(sector) for sector in sectors))
    # Shuffle the sectors: the 2D baseline uses the first frame, which would otherwise always be lit
    # from the same side.
    return [[shuffled[i][k] for i in rng.permutation(len(shuffled))] for k in range(draws)]
