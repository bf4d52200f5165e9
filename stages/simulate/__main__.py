"""``python -m stages.simulate``: render the embedded data set."""

from pathlib import Path

from stages.errors import run_stage, take_no_arguments
from stages.params import load_params
from stages.simulate import simulate

OUT = Path("data/simulated")


def main() -> None:
    take_no_arguments("stages.simulate", "Render the simulated captures, data/simulated")
    params = load_params()
    count = simulate(params.simulate, params.seed, OUT)
    print(f"simulate: {OUT}: {count} sessions of {params.simulate.identities} people")


if __name__ == "__main__":
    run_stage(main, alone_as="simulate")
