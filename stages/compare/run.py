from stages.compare.experiments import run_experiments
from stages.errors import run_stage
from stages.params import load_params


def main() -> None:
    ran, before = run_experiments(load_params().compare)
    print(f"experiments: {ran} run, {before} done before; `make comparison` draws the report")


if __name__ == "__main__":
    run_stage(main)
