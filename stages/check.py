"""check: validate params.yaml before DVC deletes anything for it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from psface.errors import UserError
from psface.files import replacing
from psface.running import PATH, run
from stages.params import load_params

MADE = Path("data/simulated")  # made by data/dvc.yaml on demand


@click.command("python -m stages.check")
@click.option("--out", type=PATH, required=True, help="source and root of the captures, as JSON")
def main(out: Path) -> None:
    """Check params.yaml, and that ingest.root exists."""
    params = load_params().ingest
    root = Path(params.root)
    if root != MADE and not root.is_dir():
        home = " (a ~ in it is not expanded)" if params.root.startswith("~") else ""
        raise UserError(f"{root}: no such folder{home}; set ingest.root in params.yaml")
    if params.rig and not Path(params.rig).exists():
        raise UserError(f"{params.rig}: no such rig; set ingest.rig in params.yaml")
    with replacing(out) as path:
        path.write_text(json.dumps({"source": params.source, "root": params.root}) + "\n")


if __name__ == "__main__":
    run(main)
