"""``psface experiments``: run those that are not done yet."""

from __future__ import annotations

import click

from psface.commands.compare.compare_params import Sections
from psface.config import load


@click.command(epilog="Example: psface experiments")
def experiments() -> None:
    """Run, with DVC, the experiments of section compare of params.yaml that are not done yet.

    Goes on after an interruption. Exit status: 0; 1 if an experiment fails; 2 for wrong arguments.
    """
    from psface.commands.compare.experiments import run_experiments

    ran, before = run_experiments(load(Sections).compare)
    print(f"experiments: {ran} run, {before} done before; `make comparison` draws the report")
