from pathlib import Path

from stages.crop import crop
from stages.errors import run_stage, take_no_arguments
from stages.params import load_params


def main() -> None:
    take_no_arguments("stages.crop", "Find the face of every capture and cut its maps, data/faces")
    params = load_params()
    out = Path("data/faces")
    made, kept, failed = crop(
        params.crop,
        Path("data/sessions.parquet"),
        Path("data/stereo"),
        out,
        Path("reports/faces.png"),
    )
    print(f"crop: {made} faces cut, {kept} kept, {failed} not found", end="")
    print(f" ({out / 'failures.csv'} says why)" if failed else "")


if __name__ == "__main__":
    run_stage(main, alone_as="crop")
