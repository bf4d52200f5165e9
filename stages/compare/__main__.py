from pathlib import Path

from stages.compare import compare
from stages.errors import run_stage
from stages.params import load_params


def main() -> None:
    out = Path("reports")
    runs, missing = compare(load_params(), out)
    print(f"compare: {runs} runs; {out / 'comparison.html'}")
    if missing:
        print(f"compare: not done yet, `make experiments` runs them: {', '.join(missing)}")


if __name__ == "__main__":
    run_stage(main)
