"""``psface measure bias``: whether the report finds a bias that is there, and none that is not.

``few-women`` trains two networks alike, one on people of whom few are women and one on as many
women as men, and reports the errors of both by gender. ``dark-skins`` gives the model that psface
ships captures in which people of darker skin get little light, and the same with as much for all.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import click
import pandas as pd

from psface.commands.measure.group_errors import SEED
from psface.commands.measure.measured_table import table_option, write_measured
from psface.commands.pretrain.pretrain_params import Sections
from psface.config import load

OUT = Path("reports/bias_measured.csv")
PLANTS = ("few-women", "dark-skins")


@click.command(epilog="Example: psface measure bias --plant few-women --share 0.1")
@click.option(
    "--plant", type=click.Choice(PLANTS), default=PLANTS[0], show_default=True,
    help="What is wrong in one of two populations.",
)  # fmt: skip
@click.option(
    "--people", type=click.IntRange(4), default=150, show_default=True, help="People tested."
)
@click.option(
    "--trained-on", type=click.IntRange(8), default=120, show_default=True,
    help="few-women: people of each training.",
)  # fmt: skip
@click.option(
    "--share", type=click.FloatRange(0, 0.5), default=0.1, show_default=True,
    help="few-women: of women among them.",
)  # fmt: skip
@click.option(
    "--epochs", type=click.IntRange(1), default=20, show_default=True,
    help="few-women: of each training.",
)  # fmt: skip
@click.option(
    "--light", type=click.FloatRange(0, 1, min_open=True), default=1 / 16,
    help="dark-skins: share of the light that they get.  [default: 1/16]",
)  # fmt: skip
@table_option(OUT)
def planted_bias(
    plant: str, people: int, trained_on: int, share: float, epochs: int, light: float, out: Path
) -> None:
    """Report groups' errors in a population with a planted bias, and in one without.

    Writes a row per rate and group of each, as `psface evaluate` does; a killed run goes on. Exit
    status: 0; 1 if hardly a face is found; 2 for wrong arguments.
    """
    params = load(Sections)
    work = out.with_name(f"{out.name}.work")
    if plant == "dark-skins":
        from psface.commands.measure.dim_light import dim_tables

        population = replace(params.population, seed=SEED)
        tables = dim_tables(population, people, light, out.with_name(f"{out.name}.index"))
    else:
        from psface.commands.measure.few_women import women_tables

        tables = women_tables(params, people, trained_on, share, epochs, work)
    table = pd.concat([t.assign(planted=planted) for planted, t in tables.items()])
    table.insert(0, "planted", table.pop("planted"))
    write_measured(table, out)
    shutil.rmtree(work, ignore_errors=True)
    print(table.drop(columns=["trials", "worst"]).to_string(index=False))
    print(f"measure: {out}")
