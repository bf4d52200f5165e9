"""``psface measure audit``: measure the reliability of the audit's verdicts.

Pictures of simulated people with known pose, blur and noise go through the same steps as any other
picture. Measured are errors of yaw and pitch, and how often blurred, printed and displayed pictures
are flagged, and others by mistake.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd

from psface.commands.audit.appearance import SIDE
from psface.commands.audit.audit_faces import find_faces
from psface.commands.audit.audit_params import AuditParams
from psface.commands.audit.degraded import (
    Portrait,
    blurred,
    compressed,
    display,
    halftone,
    portrait,
    taken,
)
from psface.commands.audit.judging import face_values
from psface.commands.measure.measured_table import table_option, write_measured
from psface.config import Selection, load
from psface.faces.alignment import similarity
from psface.parallel import map_in_processes
from psface.simulate.simulate_params import SimulateParams

OUT = Path("reports/audit_measured.csv")
SEED = 8000  # unlike params.yaml's, which the pose's constants were fitted with
YAW, PITCH = 50.0, 40.0  # degrees: the widest angles
NEAR = 5.0  # degrees from the limit, within which a verdict is down to chance
NOISES = (1.5, 4.0, 8.0)  # grey levels of 255
# Of a face of 112 px: blurred from 1.5 px, sharp up to 0.5, either in between.
SIGMAS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
PERIODS = {"halftone": (2.2, 6.0), "display": (1.3, 4.0)}  # px
SOFTNESS = (0.4, 1.0)  # px
QUALITIES, SCALES = (50, 95), (0.7, 1.4)

Row = tuple[str, float, float, float | None]  # kind, two conditions, the measured value


class Sections(Selection):
    simulate: SimulateParams
    audit: AuditParams


@click.command(epilog="Example: psface measure audit --people 20")
@click.option("--people", type=click.IntRange(1), default=150, show_default=True)
@table_option(OUT)
def audit_accuracy(people: int, out: Path) -> None:
    """Measure the verdicts of `audit` on simulated people with known truth.

    Exit status: 0; 2 for wrong arguments.
    """
    params = load(Sections)
    table = measure(params.simulate, params.audit, people)
    write_measured(table, out)
    print(table.to_string(index=False))
    print(f"measure: {people} people ({out})")


def measure(simulate: SimulateParams, audit: AuditParams, people: int) -> pd.DataFrame:
    """Measure on simulated people: columns ``quantity``, ``condition``, ``value`` and ``of``, the
    number of pictures behind the value."""
    rows: list[Row] = []
    for of_person in map_in_processes(partial(_person, simulate), range(people), "measure"):
        rows += of_person
    out = [
        *_angle_rows(rows, "yaw", audit.max_yaw),
        *_angle_rows(rows, "pitch", audit.max_pitch),
        *_blur_rows(rows, audit.max_blur),
        *_pattern_rows(rows, audit.max_pattern),
    ]
    return pd.DataFrame(out, columns=["quantity", "condition", "value", "of"])


def _person(simulate: SimulateParams, number: int) -> list[Row]:
    rng = np.random.default_rng([SEED, number])
    yaw, pitch = rng.uniform(-YAW, YAW), rng.uniform(-PITCH, PITCH)
    turned = portrait(simulate, SEED, number, yaw, pitch)
    values = _values(taken(turned.image, NOISES[0], rng))
    rows: list[Row] = [
        ("yaw", yaw, pitch, values.get("yaw")),
        ("pitch", pitch, yaw, values.get("pitch")),
    ]
    straight = portrait(simulate, SEED, number)
    rows += _blur(straight, rng)
    rows += _patterns(straight, rng)
    return rows


def _blur(person: Portrait, rng: np.random.Generator) -> Iterator[Row]:
    matrix = similarity(person.landmarks, SIDE)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    for sigma in SIGMAS:
        noise = float(rng.choice(NOISES))
        picture = taken(blurred(person.image, sigma / scale), noise, rng)
        yield "blur", sigma, noise, _values(picture).get("blur")


def _patterns(person: Portrait, rng: np.random.Generator) -> Iterator[Row]:
    noise, quality = float(rng.choice(NOISES)), int(rng.integers(*QUALITIES))
    direct = taken(person.image, noise, rng)
    scale = float(rng.uniform(*SCALES))
    soft, angle = float(rng.uniform(*SOFTNESS)), float(rng.uniform(-45, 45))
    period = {kind: float(rng.uniform(*limits)) for kind, limits in PERIODS.items()}
    printed = halftone(person.image, period["halftone"], soft)
    shown = display(person.image, period["display"], soft, angle)
    for kind, size, image in (
        ("direct", 1.0, direct),
        ("JPEG", 1.0, compressed(direct, quality, 1.0)),
        ("JPEG, scaled", scale, compressed(direct, quality, scale)),
        ("halftone", period["halftone"], taken(printed, NOISES[0], rng)),
        ("display", period["display"], taken(shown, NOISES[0], rng)),
    ):
        yield kind, size, noise, _values(image).get("pattern")


def _values(image: np.ndarray) -> dict[str, float | None]:
    """The audit's measurements of a picture (H, W, 3) uint8; none if it finds no face."""
    faces = find_faces(image)
    return face_values(image, faces[0]) if faces else {}


def _angle_rows(rows: list[Row], angle: str, limit: float) -> Iterator[tuple[object, ...]]:
    every = [row for row in rows if row[0] == angle]
    truth, measured = np.array([row[1:4:2] for row in every if row[3] is not None], float).T
    measured = measured.round(1)  # as the rules do
    error, clear = measured - truth, abs(abs(truth) - limit) >= NEAR
    correct = (abs(measured) <= limit) == (abs(truth) <= limit)
    yield f"{angle}: face not found, share", "", _share(row[3] is None for row in every), len(every)
    yield f"{angle}: mean absolute error, degrees", "", _mean(abs(error)), len(error)
    yield f"{angle}: bias, degrees", "", _mean(error), len(error)
    yield f"{angle}: 9 of 10 errors are under, degrees", "", _quantile(abs(error), 0.9), len(error)
    yield f"{angle}: right verdicts, share", "any angle", _mean(correct), len(correct)
    condition = f"{NEAR:g} degrees or more from {limit:g}"
    yield f"{angle}: right verdicts, share", condition, _mean(correct[clear]), int(clear.sum())


def _blur_rows(rows: list[Row], limit: float) -> Iterator[tuple[object, ...]]:
    for sigma in SIGMAS:
        values = [(row[2], row[3]) for row in rows if row[:2] == ("blur", sigma)]
        known = [(noise, value) for noise, value in values if value is not None]
        for noise in NOISES:
            flagged = [value > limit for at, value in known if at == noise]
            condition = f"blur {sigma:g} px, noise {noise:g}"
            yield "blur: flagged, share", condition, _share(flagged), len(flagged)
        median = _quantile(np.array([value for _, value in known]), 0.5)
        yield "blur: median, px", f"blur {sigma:g} px", median, len(known)


def _pattern_rows(rows: list[Row], limit: float) -> Iterator[tuple[object, ...]]:
    for kind in ("direct", "JPEG", "JPEG, scaled", "halftone", "display"):
        values = [row[3] for row in rows if row[0] == kind]
        known = [value for value in values if value is not None]
        flagged = _share(value > limit for value in known)
        yield "pattern: flagged, share", kind, flagged, len(known)
        lost = _share(value is None for value in values)
        yield "pattern: not measurable, share", kind, lost, len(values)


def _share(chosen: Iterable[bool]) -> float:
    return _mean(np.array(list(chosen), float))


def _mean(values: np.ndarray) -> float:
    return round(float(np.mean(values)), 3) if len(values) else math.nan


def _quantile(values: np.ndarray, share: float) -> float:
    return round(float(np.quantile(values, share)), 3) if len(values) else math.nan
