from pathlib import Path

from stages.errors import run_stage, take_no_arguments
from stages.params import load_params
from stages.scenes import scenes


def main() -> None:
    take_no_arguments("stages.scenes", "Render annotated pictures of simulated people, data/scenes")
    params = load_params()
    out = Path("data/scenes")
    faces = scenes(params.scenes, params.seed, out)
    print(f"scenes: {params.scenes.train + params.scenes.test} pictures of {faces} faces ({out})")


if __name__ == "__main__":
    run_stage(main, alone_as="scenes")
