"""``psface verify``: evaluate a model on pairs of captures, or compare two captures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from psface.commands.arguments import FAR, model_option, out_option, padding_option, rig_option
from psface.errors import UserError
from psface.running import PATH

if TYPE_CHECKING:
    from psface.recognise.recogniser import Recogniser
    from psface.rig.rig import Rig


@click.command(
    epilog="Examples: psface verify pairs.txt --root lfw; psface verify one.jpg other.jpg"
)
@click.argument("pairs", type=PATH)
@click.argument("other", type=PATH, required=False)
@click.option(
    "--threshold", type=float, metavar="COSINE",
    help="Lowest cosine of one person, as measured on pairs.",
)  # fmt: skip
@click.option("--root", type=PATH, metavar="FOLDER", help="Folder of a list's pictures.")
@rig_option
@padding_option
@model_option
@click.option(
    "--far", type=FAR, default=1e-3, show_default=True, help="False accept rate of the threshold."
)
@click.option("--degrade", is_flag=True, help="Also test under blur, noise, masks etc.")
@out_option("reports/verify")
def verify(
    pairs: Path,
    other: Path | None,
    threshold: float | None,
    root: Path | None,
    rig: Path | None,
    padding: float | None,
    model: Path,
    far: float,
    degrade: bool,
    out: Path,
) -> None:
    """Evaluate a model on PAIRS of pictures or captures, without training.

    PAIRS is a folder with a folder per person, LFW's pairs.txt, a .csv of first, second, same (and
    fold), or an InsightFace .bin. With OTHER, PAIRS and OTHER are two pictures or captures to
    compare. Exit status: 0; 1 if nothing can be compared; 2 for wrong arguments.
    """
    from psface.captures.rigged import read_placed_rig
    from psface.recognise.recogniser import Recogniser

    taken_by = None if rig is None else read_placed_rig(rig)
    if other is not None:
        _compare(Recogniser(model, padding), pairs, other, threshold, taken_by)
        return
    from psface.recognise.pair_lists import read_pairs
    from psface.report.verification_report import verify as verify_pairs

    listed = read_pairs(pairs, root, taken_by)
    metrics = verify_pairs(Recogniser(model, padding), listed, far, degrade, out)
    width = max(map(len, metrics))
    print(f"verify: {pairs} ({out})")
    for name, value in metrics.items():
        print(f"  {name:{width}}  {'-' if value is None else value}")
    if metrics["threshold"] is None:
        least = math.ceil(1 / far - 1e-9)
        print(
            f"verify: a threshold at a false accept rate of {far:g} takes at least {least:,} "
            "pairs of different people; give more, or a higher --far"
        )


def _compare(
    recogniser: Recogniser, first: Path, second: Path, threshold: float | None, rig: Rig | None
) -> None:
    from psface.captures.discovery import UNUSED_RIG, read_capture_at

    captures = [read_capture_at(path, rig) for path in (first, second)]
    if rig is not None and all(capture.is_picture for capture in captures):
        raise UserError(f"{first} and {second}: {UNUSED_RIG}")
    # In the precision of printed thresholds: what is printed is what is compared.
    cosine = np.float32(recogniser.compare(*captures))
    verdict = ""
    if threshold is not None:
        same = cosine >= np.float32(threshold)
        verdict = f": {'one person' if same else 'different people'} at {threshold}"
    print(f"verify: {first} and {second}: cosine {cosine}{verdict}")
