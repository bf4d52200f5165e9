"""Who and what stands in the data twice: python -m stages.overlap

Exit status: 0, it was looked at, whatever was found; 1, it could not be.
"""

from pathlib import Path

from stages.errors import run_stage, take_no_arguments
from stages.overlap import KINDS, overlap
from stages.params import load_params


def main() -> None:
    take_no_arguments("stages.overlap", "Look for pictures and people that are in the data twice")
    params = load_params().overlap
    out = Path("reports/overlap")
    outcome = overlap(
        params, Path("data/sessions.parquet"), Path("data/splits"), Path("data/faces"), out
    )
    print(f"overlap: {outcome.pictures} pictures, {outcome.refused} left out ({out})")
    if outcome.limit < params.max_distance:
        print(f"  too many are alike: compared up to {outcome.limit} bits instead of ", end="")
        print(f"overlap.max_distance={params.max_distance}")
    if not params.model:
        print("  faces not compared: overlap.model names no model")
    counts = outcome.pairs["kind"].value_counts()
    for kind in KINDS:
        if counts.get(kind):
            print(f"  {kind:24}{counts[kind]:8} pairs")
    if len(outcome.people):
        print(f"  {'names that seem one person':24}{len(outcome.people):6} pairs")
    if outcome.pairs.empty and outcome.people.empty:
        print("  no duplicates found")


if __name__ == "__main__":
    run_stage(main)
