"""check: validate params.yaml before DVC deletes anything for it, and look for new captures."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from psface.captures.ingest_params import IngestParams
from psface.engines.engines import made
from psface.errors import UserError
from psface.files import replacing
from psface.running import PATH, run
from psface.stamps import list_files
from stages.params import load_params


def what_is_there(params: IngestParams) -> dict[str, object]:
    """Return what `ingest` depends on of the captures, in the place of their content.

    DVC itself compares what the simulator made. Of other captures, it would read every byte; here
    they are listed by size and time. A file that has just changed may change again unnoticed: then
    the next run looks again.
    """
    found: dict[str, object] = {"source": params.source, "root": params.root}
    if not params.is_simulated:
        listing = list_files(Path(params.root), params.compare == "content")
        found |= {"files": listing.files, "bytes": listing.bytes, "listing": listing.digest}
        found |= {"changing": time.time_ns()} if listing.is_fresh else {}
    return found


@click.command("python -m stages.check")
@click.option(
    "--out", type=PATH, required=True, help="where the captures are, and a digest of them"
)
def main(out: Path) -> None:
    """Check params.yaml, the engine, and that ingest.root exists; list its files."""
    everything = load_params()
    made(everything)
    params = everything.ingest
    root = Path(params.root)
    if not params.is_simulated and not root.is_dir():
        home = " (a ~ in it is not expanded)" if params.root.startswith("~") else ""
        raise UserError(f"{root}: no such folder{home}; set ingest.root in params.yaml")
    if params.rig and not Path(params.rig).exists():
        raise UserError(f"{params.rig}: no such rig; set ingest.rig in params.yaml")
    with replacing(out) as path:
        path.write_text(json.dumps(what_is_there(params)) + "\n")


if __name__ == "__main__":
    run(main)
