"""A model on pairs of captures: python -m stages.verify PAIRS"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from stages.errors import run_stage
from stages.evaluate.verification import given_rate
from stages.recognise import Recogniser
from stages.verify import similarity_of, verify
from stages.verify.pairs import read_pairs


def main() -> None:
    given = _parser().parse_args()
    if given.other is not None:
        _compare(given)
        return
    pairs = read_pairs(given.pairs, given.root)
    metrics = verify(Recogniser(given.model), pairs, given.far, given.degrade, given.out)
    width = max(map(len, metrics))
    print(f"verify: {given.pairs} ({given.out})")
    for name, value in metrics.items():
        print(f"  {name:{width}}  {'-' if value is None else value}")


def _compare(given: argparse.Namespace) -> None:
    # In the precision that thresholds are printed in, and compared as it is printed.
    cosine = np.float32(similarity_of(Recogniser(given.model), given.pairs, given.other))
    verdict = ""
    if given.threshold is not None:
        same = cosine >= np.float32(given.threshold)
        verdict = f": {'one person' if same else 'different people'} at {given.threshold}"
    print(f"verify: {given.pairs} and {given.other}: cosine {cosine}{verdict}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stages.verify",
        description="Verification on pairs of pictures or captures, without training.",
    )
    parser.add_argument(
        "pairs", type=Path, metavar="PAIRS",
        help="a folder with a folder for each person, LFW's pairs.txt, a .csv of first, second, "
        "same (and fold), or an InsightFace .bin",
    )  # fmt: skip
    parser.add_argument(
        "other", nargs="?", type=Path, metavar="OTHER",
        help="with it, PAIRS and OTHER are two pictures or captures, which are compared",
    )  # fmt: skip
    parser.add_argument(
        "--threshold", type=float, metavar="COSINE",
        help="from which two are taken for one person, as measured on pairs",
    )  # fmt: skip
    parser.add_argument("--root", type=Path, metavar="FOLDER", help="where a list's pictures lie")
    parser.add_argument("--model", type=Path, default=Path("models"), metavar="FOLDER")
    parser.add_argument(
        "--far", type=given_rate, default=1e-3, help="false accept rate of the threshold (0.001)"
    )
    parser.add_argument(
        "--degrade", action="store_true", help="also under blur, noise, masks and the like"
    )
    parser.add_argument("--out", type=Path, default=Path("reports/verify"), metavar="FOLDER")
    return parser


if __name__ == "__main__":
    run_stage(main)
