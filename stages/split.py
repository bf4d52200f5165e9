"""split: divide the people into disjoint training, validation (picks the epoch) and test sets."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pandas as pd

from psface.config import Seed, Selection, load
from psface.files import replacing, replacing_together
from psface.report.class_ratios import draw_ratios
from psface.running import PATH, run
from psface.stage_tables import read_table
from psface.tasks import Attributes, Tasks, unknown_labels
from psface.training.split_params import SplitParams
from psface.training.splitting import class_ratios, divide
from psface.user_tables import safe


class Sections(Selection):
    seed: Seed
    attributes: Attributes
    split: SplitParams


def split(
    params: SplitParams, tasks: Tasks, seed: int, faces_path: Path, out: Path, ratios: Path
) -> dict[str, pd.DataFrame]:
    """Write ``out/{train,val,gallery,probe}.csv`` and ``out/excluded.csv``.

    Each CSV holds rows of ``faces_path`` (``row`` is the index into the packed arrays) with their
    raw labels; ``excluded.csv`` gives the reason for each face in none of them. ``ratios``, a CSV
    file with a plot of the same name beside it, receives each class's share of the captures before
    and after.

    Returns
    -------
    dict of str to DataFrame
        The four tables by name.

    Raises
    ------
    UserError
        If no face can be used, or there are too few people for three parts of two.
    """
    faces = read_table(faces_path, "crop", ["identity", "session", *tasks])
    faces.insert(0, "row", range(len(faces)))
    rng = np.random.default_rng(seed)
    parts, reasons = divide(faces, tasks, params, rng)
    gallery = parts["test"].groupby("identity").sample(n=1, random_state=rng).index
    tables = {
        "train": parts["train"],
        "val": parts["val"],
        "gallery": parts["test"].loc[sorted(gallery)],
        "probe": parts["test"].drop(index=gallery),
    }
    excluded = faces[reasons != ""].assign(reason=reasons[reasons != ""])
    written = {**tables, "excluded": excluded}
    # A mixture of two runs' parts would share people.
    with replacing_together(*(out / f"{name}.csv" for name in written)) as paths:
        for path, table in zip(paths, written.values(), strict=True):
            safe(table).to_csv(path, index=False)

    shares = class_ratios({"before": faces[unknown_labels(faces, tasks) == ""], **parts}, tasks)
    with replacing(ratios) as path:
        shares.round(4).to_csv(path, index=False)
    with replacing(ratios.with_suffix(".png")) as path:
        draw_ratios(shares, path)
    return tables


@click.command("python -m stages.split")
@click.option("--faces", type=PATH, required=True, help="the table of crops")
@click.option("--out", type=PATH, required=True, help="output folder, a table per part")
@click.option("--ratios", type=PATH, required=True, help="the classes' shares, .csv and .png")
def main(faces: Path, out: Path, ratios: Path) -> None:
    """Divide the people into train, validation and test."""
    params = load(Sections)
    tables = split(params.split, params.attributes, params.seed, faces, out, ratios)
    parts = [
        f"{name} {len(table)} captures of {table['identity'].nunique()} people"
        for name, table in tables.items()
    ]
    print(f"split: {', '.join(parts)}")


if __name__ == "__main__":
    run(main, alone_as="split")
