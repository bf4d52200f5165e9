"""``psface train-detector``: train a face detector."""

from __future__ import annotations

from pathlib import Path

import click

from psface.commands.train_detector.train_detector_params import TrainMtcnnParams
from psface.config import Seed, Selection, load
from psface.running import PATH, alone


class Sections(Selection):
    seed: Seed
    train_mtcnn: TrainMtcnnParams


@click.command(epilog="Example: psface train-detector --out models/mtcnn.safetensors")
@click.option(
    "--out", type=PATH, default=Path("models/mtcnn.safetensors"), show_default=True, metavar="FILE",
    help="File for the weights.",
)  # fmt: skip
def train_detector(out: Path) -> None:
    """Train MTCNN on annotated pictures, by section train_mtcnn of params.yaml.

    Resumes after an interruption. Exit status: 0; 1 if the pictures cannot be read; 2 for wrong
    arguments.
    """
    from psface.commands.train_detector.cascade_training import train_mtcnn

    params = load(Sections)
    with alone("train-detector"):
        losses = train_mtcnn(params.train_mtcnn, params.seed, out)
    shown = "; ".join(f"{name} {of['total']:.4f}" for name, of in losses.items())
    print(f"train-detector: {out} (losses: {shown})")
