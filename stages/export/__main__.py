"""A trained model as ONNX: python -m stages.export"""

from __future__ import annotations

import argparse
from pathlib import Path

from stages.errors import run_stage
from stages.export import export


def main() -> None:
    given = _parser().parse_args()
    alike = export(given.model, given.out, given.faces)
    print(f"export: {given.out}, cosine with torch's embeddings {alike:.6f} or more")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stages.export", description="Write a trained model as ONNX, with its card."
    )
    parser.add_argument("--model", type=Path, default=Path("models"), metavar="FOLDER")
    parser.add_argument("--out", type=Path, default=Path("models/onnx"), metavar="FOLDER")
    parser.add_argument(
        "--faces", type=Path, default=Path("data/faces"), metavar="FOLDER",
        help="packed crops to check it with",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    run_stage(main)
