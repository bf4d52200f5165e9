from pathlib import Path

from stages.errors import run_stage
from stages.params import load_params
from stages.scenes import scenes


def main() -> None:
    params = load_params()
    out = Path("data/scenes")
    faces = scenes(params.scenes, params.seed, out)
    print(f"scenes: {params.scenes.train + params.scenes.test} pictures of {faces} faces ({out})")


if __name__ == "__main__":
    run_stage(main)
