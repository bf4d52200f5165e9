"""``python -m stages.check``: whether params.yaml can be run, before anything is deleted for it."""

from __future__ import annotations

import json
from pathlib import Path

from stages.errors import UserError, run_stage, take_no_arguments
from stages.files import replacing
from stages.params import load_params

MADE = "data/simulated"  # by data/dvc.yaml, when it is asked for


def main() -> None:
    take_no_arguments("stages.check", "Check params.yaml, and that ingest.root exists")
    params = load_params().ingest
    root = Path(params.root)
    if root != Path(MADE) and not root.is_dir():
        home = " (a ~ in it is not expanded)" if params.root.startswith("~") else ""
        raise UserError(f"{root}: no such folder{home}; set ingest.root in params.yaml")
    with replacing(Path("data/checked.json")) as path:
        path.write_text(json.dumps({"source": params.source, "root": params.root}) + "\n")


if __name__ == "__main__":
    run_stage(main)
