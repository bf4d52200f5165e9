"""``psface compare``: compare the finished experiments."""

from __future__ import annotations

from pathlib import Path

import click

from psface.commands.arguments import out_option
from psface.commands.compare.compare_params import Sections
from psface.config import load


@click.command(epilog="Example: psface compare --out reports")
@out_option("reports", "Folder for comparison.html and its tables.")
def compare(out: Path) -> None:
    """Compare the finished experiments of params.yaml's compare section on one page.

    Exit status: 0; 1 if none is finished; 2 for wrong arguments.
    """
    from psface.commands.compare.comparison import compare as compare_all

    runs, missing = compare_all(load(Sections), out)
    print(f"compare: {runs} runs; {out / 'comparison.html'}")
    if missing:
        print(f"compare: unfinished, run them with `make experiments`: {', '.join(missing)}")
