"""``psface overlap``: find duplicate pictures and people."""

from __future__ import annotations

from pathlib import Path

import click

from psface.commands.arguments import out_option
from psface.commands.overlap.overlap_params import OverlapParams
from psface.config import Selection, load
from psface.running import PATH


class Sections(Selection):
    overlap: OverlapParams


@click.command(epilog="Example: psface overlap --out reports/overlap")
@click.option("--captures", type=PATH, default=Path("data/sessions.parquet"), show_default=True)
@click.option("--splits", type=PATH, default=Path("data/splits"), show_default=True)
@click.option("--faces", type=PATH, default=Path("data/faces"), show_default=True)
@out_option("reports/overlap")
def overlap(captures: Path, splits: Path, faces: Path, out: Path) -> None:
    """Find pictures and people that are in the data twice, by section overlap of params.yaml.

    Exit status: 0 whatever is found; 1 if the data cannot be read; 2 for wrong arguments.
    """
    from psface.commands.overlap.duplicates import KINDS
    from psface.commands.overlap.duplicates import overlap as find

    params = load(Sections).overlap
    outcome = find(params, captures, splits, faces, out)
    print(f"overlap: {outcome.pictures} pictures, {outcome.refused} left out ({out})")
    if outcome.limit < params.max_distance:
        print(f"  too many are similar: compared up to {outcome.limit} bits instead of ", end="")
        print(f"overlap.max_distance={params.max_distance}")
    if not params.model:
        print("  faces not compared: overlap.model is not set")
    counts = outcome.pairs["kind"].value_counts()
    for kind in KINDS:
        if counts.get(kind):
            print(f"  {kind:24}{counts[kind]:8} pairs")
    if len(outcome.people):
        print(f"  {'probably one person':24}{len(outcome.people):8} pairs")
    if outcome.pairs.empty and outcome.people.empty:
        print("  no duplicates found")
