"""``psface export``: export a trained model to ONNX."""

from __future__ import annotations

from pathlib import Path

import click

from psface.commands.arguments import model_option, out_option
from psface.running import PATH


@click.command(epilog="Example: psface export --model models --out models/onnx")
@model_option
@out_option("models/onnx", "Folder for model.onnx and card.json.")
@click.option(
    "--faces", type=PATH, metavar="FOLDER",
    help="Packed crops for the check, such as data/faces.  [default: noise]",
)  # fmt: skip
def export(model: Path, out: Path, faces: Path | None) -> None:
    """Export a trained model to ONNX, with its card, and check it against torch.

    Exit status: 0; 1 if a package is missing or the two differ; 2 for wrong arguments.
    """
    from psface.model.onnx_export import export as export_model

    cosine = export_model(model, out, faces)
    on = f"crops of {faces}" if faces else "noise"
    print(f"export: {out}; the smallest cosine with torch's embeddings on {on} is {cosine:.6f}")
