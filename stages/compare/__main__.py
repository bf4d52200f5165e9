from pathlib import Path

from stages.compare import compare
from stages.errors import run_stage, take_no_arguments
from stages.params import load_params


def main() -> None:
    take_no_arguments(
        "stages.compare", "Write reports/comparison.html of the experiments that are done"
    )
    out = Path("reports")
    runs, missing = compare(load_params(), out)
    print(f"compare: {runs} runs; {out / 'comparison.html'}")
    if missing:
        print(f"compare: not done yet, `make experiments` runs them: {', '.join(missing)}")


if __name__ == "__main__":
    run_stage(main)
