from stages.compare.experiments import run_experiments
from stages.errors import run_stage, take_no_arguments
from stages.params import load_params


def main() -> None:
    take_no_arguments(
        "stages.compare.run", "Run the experiments of section compare that are not done yet"
    )
    ran, before = run_experiments(load_params().compare)
    print(f"experiments: {ran} run, {before} done before; `make comparison` draws the report")


if __name__ == "__main__":
    run_stage(main)
