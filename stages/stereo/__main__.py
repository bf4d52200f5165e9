from pathlib import Path

from stages.errors import run_stage, take_no_arguments
from stages.params import load_params
from stages.stereo import stereo


def main() -> None:
    take_no_arguments(
        "stages.stereo", "Compute normals, albedo and depth of every capture, data/stereo"
    )
    params = load_params()
    out = Path("data/stereo")
    made, kept, failed = stereo(
        params.stereo, Path("data/sessions.parquet"), out, Path("reports/stereo.json")
    )
    print(f"stereo: {made} sessions computed, {kept} kept, {failed} failed ({out})")


if __name__ == "__main__":
    run_stage(main, alone_as="stereo")
