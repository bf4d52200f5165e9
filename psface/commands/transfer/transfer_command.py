"""``psface transfer``: test a model on captures of another rig and of other people."""

from __future__ import annotations

from pathlib import Path

import click

from psface.captures.layouts.layouts import READERS
from psface.commands.arguments import model_option, out_option, padding_option
from psface.commands.transfer.transfer_params import Sections
from psface.config import load
from psface.running import PATH


class Numbers(click.ParamType):
    """Whole numbers, separated by commas."""

    name = "numbers"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        if not all(part.isascii() and part.isdigit() for part in parts):
            self.fail(f"{value!r} is not a list of numbers such as 5,10,17", param, ctx)
        return tuple(map(int, parts))


@click.command(
    epilog="Example: psface transfer yale/ --source yale --padding 0.3 --trained-on data/faces"
)
@click.argument("folder", type=PATH)
@model_option
@click.option(
    "--trained-on", type=PATH, metavar="FOLDER",
    help="Crops that the model was trained on, for PCA among the floors.",
)  # fmt: skip
@click.option(
    "--people", type=Numbers(), default=(), metavar="N,N,...",
    help="Also fine-tune on so many people; the others are tested.",
)  # fmt: skip
@click.option(
    "--draws", type=click.IntRange(1), metavar="N",
    help="Draws of these people, in place of params.yaml's transfer.draws.",
)  # fmt: skip
@click.option(
    "--source", type=click.Choice(list(READERS)),
    help="Layout of captures, in place of params.yaml's ingest.source.",
)  # fmt: skip
@padding_option
@out_option("reports/transfer")
def transfer(
    folder: Path,
    model: Path,
    trained_on: Path | None,
    people: tuple[int, ...],
    draws: int | None,
    source: str | None,
    padding: float | None,
    out: Path,
) -> None:
    """Test a model on people and captures that it was not trained on.

    FOLDER holds captures, which are cropped as the model's card says, or crops that the pipeline
    has made (faces.parquet). Beside the model stand untrained floors on the very same crops. With
    --people, a killed run goes on where it was. Exit status: 0; 1 if the captures or the model
    cannot be used; 2 for wrong arguments.
    """
    from psface.commands.transfer.transfer_report import shown, write_transfer
    from psface.commands.transfer.transferring import Given
    from psface.commands.transfer.transferring import transfer as test_all

    params = load(Sections)
    if source is not None:
        params = params.model_copy(
            update={"ingest": params.ingest.model_copy(update={"source": source})}
        )
    if draws is not None:
        params = params.model_copy(
            update={"transfer": params.transfer.model_copy(update={"draws": draws})}
        )
    given = Given(folder, model, trained_on, people, padding)
    results = []
    for tested in test_all(params, given, out):
        results.append(tested)  # what is finished is there, whatever happens to the rest
        write_transfer(out, results, {"folder": str(folder), "model": str(model)})
    print(shown(results))
    print(f"transfer: {out / 'transfer.csv'}, {out / 'transfer.png'}")
