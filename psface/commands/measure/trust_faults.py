"""``psface measure trust``: plant faults in captures, and count how many the trust checks find.

Faults of the lights (order, signs, angles) and of the frames (a camera's curve, ambient light,
exposure, failed lamps) are planted one at a time in registered frames. A fault is found if there is
a warning of its kind; it is put right if the remedy gives normals within 6 degrees of the true
ones, so that equivalent remedies count alike. The captures as they are give the false alarms.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from pathlib import Path

import click
import numpy as np
import pandas as pd

from psface.captures.capture import Capture
from psface.captures.ingest_params import IngestParams
from psface.captures.layouts.layouts import reader
from psface.config import Seed, Selection, load
from psface.errors import UserError
from psface.faces.alignment import crop_image, similarity
from psface.faces.crop_params import CropParams
from psface.faces.lamp_check import LampTrust, check_lamps, turned_lights
from psface.faces.lamp_hypotheses import FLIPS, Lights
from psface.faces.locate import find_face
from psface.faces.map_crops import face_oval
from psface.files import replacing
from psface.parallel import map_in_processes
from psface.running import PATH
from psface.stereo.compute import foreground
from psface.stereo.normals import photometric_stereo
from psface.stereo.registration import align, register
from psface.stereo.trust.stereo_check import check_stereo
from psface.stereo.trust.trust_warning import TrustWarning

OUT = Path("reports/trust_measured.csv")
SIDE = 64  # px of the crops
ORDERS = 5  # tried per capture, at random
GAMMA = 2.2
AMBIENT, DIM, DEAD, NOISE = 0.05, 0.7, 0.03, 0.004
SLANTS = (0.5, 0.7, 1.5)  # of the lights' sine from the axis
RIGHT = 6.0  # degrees, as the mean over the directions of a face
OUTLYING = 3.0  # degrees: a fault that changes normals less than this is not counted

LIGHT_CODES = ("lamps-order", "lamps-flipped")
EXPECTED = {
    "gamma 1/2.2": ("not-linear", "lamps-stale"),
    "ambient 5%": ("ambient",),
    "ambient 10%": ("ambient",),
    "failed lamp": ("failed-lamp",),
    "one lamp twice": ("same-lamp",),
    "lamp at 70%": ("lamp-strength",),
    "auto-exposure": ("auto-exposure",),
    **{f"slant x {slant:g}": ("lamps-stale", "not-linear") for slant in SLANTS},
}


class Sections(Selection):
    seed: Seed
    ingest: IngestParams
    crop: CropParams


@dataclass(frozen=True)
class Row:
    """One planted fault: ``change`` of the normals in degrees, and what came of it."""

    fault: str
    change: float
    found: bool
    right: bool
    codes: tuple[str, ...]


@click.command(epilog="Example: psface measure trust")
@click.option(
    "--every", type=click.IntRange(1), default=1, show_default=True, help="Take every n-th capture."
)
@click.option(
    "--out", type=PATH, default=OUT, show_default=True, metavar="FILE", help="A CSV file."
)
def trust_faults(every: int, out: Path) -> None:
    """Measure how many planted faults the trust checks find, on the captures of `ingest`.

    Exit status: 0; 1 if no face is found in any capture; 2 for wrong arguments.
    """
    params = load(Sections)
    found = reader(params.ingest.source)(Path(params.ingest.root), params.ingest, params.seed)
    captures = [c for c in found if isinstance(c, Capture) and len(c.lights) > 2][::every]
    table = measure(captures, params.crop)
    with replacing(out) as path:
        table.to_csv(path, index=False)
    print(table.to_string(index=False))
    print(f"measure: {len(captures)} captures ({out})")


def measure(captures: list[Capture], params: CropParams) -> pd.DataFrame:
    """Plant every fault in every capture.

    Returns
    -------
    DataFrame
        ``fault, of, found, right, above_3_deg, found_above_3_deg, codes``: shares of the planted
        faults, of all and of those that change the normals by more than `OUTLYING`.
    """
    rows: list[Row] = []
    for of_capture in map_in_processes(partial(planted, params=params), captures, "measure"):
        rows += of_capture
    if not rows:
        raise UserError("measure: no face found; set crop.padding for tight crops")
    frame = pd.DataFrame([vars(row) for row in rows])
    out = []
    for fault, group in frame.groupby("fault", sort=False):
        large = group[group.change > OUTLYING]
        counts = group.codes.explode().value_counts()
        out.append(
            {
                "fault": fault,
                "of": len(group),
                "found": round(group.found.mean(), 4),
                "right": round(group.right.mean(), 4),
                "above_3_deg": len(large),
                "found_above_3_deg": round(large.found.mean(), 4) if len(large) else np.nan,
                "codes": " ".join(f"{c}:{k / len(group):.3f}" for c, k in counts.items()),
            }
        )
    return pd.DataFrame(out)


def planted(capture: Capture, params: CropParams) -> list[Row]:
    """The rows of one capture; none if it has no face."""
    pixels = capture.pixels()
    shifts = register(pixels.grey)
    frames = align(pixels.grey, shifts)
    found = find_face(frames, None, pixels.landmarks, params)
    if found is None or found[0].landmarks is None:
        return []
    sitting = Sitting(frames, pixels.lights, shifts, found[0].landmarks)
    return list(sitting.rows(np.random.default_rng(zlib.crc32(capture.key.encode()))))


@dataclass(frozen=True)
class Sitting:
    """A capture whose frames (n, H, W) are registered."""

    frames: np.ndarray
    lights: np.ndarray
    shifts: np.ndarray
    landmarks: np.ndarray

    def rows(self, rng: np.random.Generator) -> Iterator[Row]:
        """Plant every fault."""
        stereo, lamps = self._checked(self.frames, self.lights)
        codes = tuple(w.code for w in (*stereo, *lamps.warnings))
        yield Row("none (false alarms)", 0.0, bool(codes), not codes, codes)
        yield from self._misread(rng)
        for slant in SLANTS:
            yield self._row(f"slant x {slant:g}", self.frames, _slanted(self.lights, slant))
        for fault, frames in self._altered(rng):
            yield self._row(fault, frames, self.lights)

    def _misread(self, rng: np.random.Generator) -> Iterator[Row]:
        n = len(self.lights)
        same = tuple(range(n))
        if n <= 5:
            orders = list(permutations(same))[1:]
        else:
            orders = [tuple(rng.permutation(n).tolist()) for _ in range(ORDERS)]
        for k in rng.permutation(len(orders))[:ORDERS]:
            yield self._light_row("order", Lights(orders[k]))
        for flip in FLIPS:
            if flip:
                yield self._light_row(f"flip {flip}", Lights(same, flip))

    def _light_row(self, fault: str, reading: Lights) -> Row:
        wrong = reading.vectors(self.lights)
        trust = self._lamps(self.frames, wrong)
        codes = tuple(w.code for w in trust.warnings)
        found = any(code in LIGHT_CODES for code in codes)
        mended = Lights(trust.order, trust.flip).vectors(wrong)
        right = found and change_of_normals(self.lights, mended) < RIGHT
        return Row(fault, change_of_normals(self.lights, wrong), found, right, codes)

    def _altered(self, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
        frames, n = self.frames, len(self.frames)
        normal, albedo = photometric_stereo(frames, self.lights)
        sky = albedo * (0.5 + 0.5 * normal[2])
        yield "gamma 1/2.2", np.maximum(frames, 0) ** np.float32(1 / GAMMA)
        yield "ambient 5%", np.clip(frames + np.float32(AMBIENT) * sky, 0, 1)
        yield "ambient 10%", np.clip(frames + np.float32(2 * AMBIENT) * sky, 0, 1)
        means = frames.mean(axis=(1, 2))
        even = frames * (means.min() / means)[:, None, None]
        yield "auto-exposure", even.astype(np.float32)
        lamp = int(rng.integers(n))
        for fault in ("failed lamp", "one lamp twice", "lamp at 70%"):
            changed = frames.copy()
            if fault == "failed lamp":
                changed[lamp] = DEAD * sky
            elif fault == "one lamp twice":
                noise = rng.normal(0, NOISE, frames[0].shape)
                changed[lamp] = np.clip(frames[(lamp + 1) % n] + noise, 0, 1)
            else:
                changed[lamp] *= DIM
            yield fault, changed

    def _row(self, fault: str, frames: np.ndarray, lights: np.ndarray) -> Row:
        stereo, lamps = self._checked(frames, lights)
        codes = tuple(w.code for w in (*stereo, *lamps.warnings))
        wanted = EXPECTED[fault]
        right = wanted[0] in codes
        return Row(
            fault, self._change(frames, lights), any(c in wanted for c in codes), right, codes
        )

    def _change(self, frames: np.ndarray, lights: np.ndarray) -> float:
        """Mean angle in degrees between normals with and without the fault, in the face."""
        matrix = similarity(self.landmarks, SIDE)
        inside = crop_image(np.ones(frames.shape[1:], np.float32), matrix, SIDE) > 0.99
        inside &= face_oval(SIDE)
        true, wrong = (
            photometric_stereo(np.stack([crop_image(f, matrix, SIDE) for f in stack]), given)[0]
            for stack, given in (
                (self.frames, turned_lights(self.lights, matrix)),
                (frames, turned_lights(lights, matrix)),
            )
        )
        cosine = np.clip((true * wrong).sum(axis=0)[inside], -1, 1)
        return float(np.degrees(np.arccos(cosine)).mean())

    def _lamps(self, frames: np.ndarray, lights: np.ndarray) -> LampTrust:
        matrix = similarity(self.landmarks, SIDE)
        crops = np.stack([crop_image(frame, matrix, SIDE) for frame in frames])
        inside = crop_image(np.ones(frames.shape[1:], np.float32), matrix, SIDE) > 0.99
        points = np.column_stack([self.landmarks, np.ones(5)]) @ matrix.T
        return check_lamps(crops, turned_lights(lights, matrix), inside, points)

    def _checked(
        self, frames: np.ndarray, lights: np.ndarray
    ) -> tuple[tuple[TrustWarning, ...], LampTrust]:
        mask = foreground(frames)
        stereo = check_stereo(frames, None, lights, mask, self.shifts)
        return stereo.warnings, self._lamps(frames, lights)


def change_of_normals(true: np.ndarray, given: np.ndarray) -> float:
    """Mean angle in degrees by which normals of a face go wrong if lights ``true`` (n, 3) are taken
    for ``given``.

    Examples
    --------
    >>> lights = np.array([[0.6, 0, 0.8], [-0.6, 0, 0.8], [0, 0.6, 0.8], [0, -0.6, 0.8]])
    >>> change_of_normals(lights, lights), change_of_normals(lights, lights * [-1, 1, 1]) > 20
    (0.0, True)
    """
    x, y = np.meshgrid(np.linspace(-0.7, 0.7, 5), np.linspace(-0.5, 0.5, 3))
    normal = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    normal /= np.linalg.norm(normal, axis=0)
    seen = np.linalg.pinv(given) @ true @ normal
    seen /= np.linalg.norm(seen, axis=0)
    cosine = np.clip((seen * normal).sum(axis=0), -1, 1)
    return round(float(np.degrees(np.arccos(cosine)).mean()), 3)


def _slanted(lights: np.ndarray, factor: float) -> np.ndarray:
    """Unit lights with ``factor`` times the sine of their angle from the camera's axis."""
    across = np.clip(lights[:, :2] * factor, -0.95, 0.95)
    along = np.sqrt(np.maximum(1 - (across**2).sum(axis=1), 0.05))
    out = np.column_stack([across, along])
    return out / np.linalg.norm(out, axis=1, keepdims=True)
