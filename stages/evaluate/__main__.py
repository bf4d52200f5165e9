from pathlib import Path

from stages.errors import run_stage, take_no_arguments
from stages.evaluate import evaluate
from stages.params import load_params


def main() -> None:
    take_no_arguments("stages.evaluate", "Evaluate the model on the test people, reports")
    params = load_params()
    out = Path("reports")
    metrics, _ = evaluate(
        params,
        Path("data/sessions.parquet"),
        Path("data/faces"),
        Path("data/splits"),
        Path("models"),
        out,
    )
    width = max(map(len, metrics))
    print(f"evaluate: {params.modality} ({out})")
    for name, value in metrics.items():
        print(f"  {name:{width}}  {'-' if value is None else value}")


if __name__ == "__main__":
    run_stage(main, alone_as="evaluate")
