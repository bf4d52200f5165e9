"""``psface experiments``: run the unfinished experiments."""

from __future__ import annotations

import click

from psface.commands.compare.compare_params import Sections
from psface.config import load


@click.command(epilog="Example: psface experiments")
def experiments() -> None:
    """Run the unfinished experiments of params.yaml's compare section with DVC.

    Resumes after an interruption. Exit status: 0; 1 if an experiment fails; 2 for wrong arguments.
    """
    from psface.commands.compare.experiments import run_experiments

    ran, before = run_experiments(load(Sections).compare)
    print(f"experiments: {ran} run, {before} done before; `make comparison` writes the report")
