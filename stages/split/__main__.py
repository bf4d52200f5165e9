from pathlib import Path

from stages.errors import run_stage, take_no_arguments
from stages.params import load_params
from stages.split import split


def main() -> None:
    take_no_arguments(
        "stages.split", "Divide the people into train, validation and test, data/splits"
    )
    params = load_params()
    tables = split(
        params.split,
        params.attributes,
        params.seed,
        Path("data/faces/faces.parquet"),
        Path("data/splits"),
        Path("reports"),
    )
    parts = [
        f"{name} {len(table)} sessions of {table['identity'].nunique()} people"
        for name, table in tables.items()
    ]
    print(f"split: {', '.join(parts)}")


if __name__ == "__main__":
    run_stage(main, alone_as="split")
