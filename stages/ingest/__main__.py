from pathlib import Path

from stages.errors import run_stage, take_no_arguments
from stages.ingest import ingest, linked
from stages.params import load_params


def main() -> None:
    take_no_arguments("stages.ingest", "List and check the captures under ingest.root")
    params = load_params()
    rejected = Path("data/rejected.csv")
    table = Path("data/sessions.parquet")
    sessions, people, refused = ingest(params.ingest, params.seed, table, rejected)
    print(f"ingest: {sessions} sessions of {people} people, {len(refused)} refused", end="")
    print(f" ({rejected} says why)" if refused else "")
    if links := linked(Path(params.ingest.root)):
        print(
            f"ingest: {len(links)} folders are links, such as {links[0]}: DVC does not notice what "
            "changes behind them; after a change, run `dvc repro -f ingest` and `dvc repro`"
        )


if __name__ == "__main__":
    run_stage(main, alone_as="ingest")
