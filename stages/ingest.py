"""ingest: list the usable captures of any known layout in one table."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from psface.captures.capture import Capture, Refusal
from psface.captures.capture_table import write_captures, write_refusals
from psface.captures.checks import check_capture, unique
from psface.captures.ingest_params import IngestParams
from psface.captures.layouts.layouts import reader
from psface.captures.layouts.photoface import misplaced
from psface.captures.rigged import rig_of, with_rig
from psface.config import Seed, Selection, load
from psface.errors import UserError
from psface.parallel import map_in_processes
from psface.paths import linked
from psface.running import PATH, run


class Sections(Selection):
    seed: Seed
    ingest: IngestParams


def ingest(
    params: IngestParams, seed: int, table: Path, rejected: Path
) -> tuple[int, int, list[Refusal]]:
    """List and check the captures under ``params.root``; write both tables.

    Returns
    -------
    captures, people : int
        The number of usable captures, and of their people.
    refused : list of Refusal

    Raises
    ------
    UserError
        If the root is missing or holds no usable capture.
    """
    root = Path(params.root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; set ingest.root in params.yaml")
    listed = reader(params.source)(root, params, seed)
    listed = unique(with_rig(listed, rig_of(root, params.rig)))
    checked = map_in_processes(partial(check_capture, limits=params), listed, "ingest")
    count, people = 0, set()
    refused: list[Refusal] = []

    def accepted() -> Iterator[Capture]:
        nonlocal count
        for result in checked:
            if isinstance(result, Capture):
                count += 1
                people.add(result.identity)
                yield result
            else:
                refused.append(result)
        write_refusals(rejected, refused)
        if not count:
            raise _nothing(root, params.source, refused, rejected)

    write_captures(table, accepted())
    return count, len(people), refused


def _nothing(root: Path, source: str, refused: list[Refusal], rejected: Path) -> UserError:
    where = misplaced(root, bool(refused)) if source == "photoface" else ""
    if not refused:
        return UserError(
            f"{root}: no capture in the {source} layout{where}; "
            "check ingest.root and ingest.source in params.yaml"
        )
    first = refused[0]
    return UserError(
        f"{root}: none of {len(refused)} captures can be used, the first "
        f"({first.identity}/{first.name}) because {first.reason} "
        f"(all reasons: {rejected}){where}"
    )


@click.command("python -m stages.ingest")
@click.option("--captures", type=PATH, required=True, help="the table of usable captures")
@click.option("--rejected", type=PATH, required=True, help="the table of refused captures")
def main(captures: Path, rejected: Path) -> None:
    """List and check the captures under ingest.root."""
    params = load(Sections)
    count, people, refused = ingest(params.ingest, params.seed, captures, rejected)
    print(f"ingest: {count} captures of {people} people, {len(refused)} refused", end="")
    print(f" (reasons: {rejected})" if refused else "")
    if links := linked(Path(params.ingest.root)):
        print(
            f"ingest: {len(links)} folders are links, such as {links[0]}: DVC does not notice "
            "changes behind them; after one, run `dvc repro -f ingest` and `dvc repro`"
        )


if __name__ == "__main__":
    run(main, alone_as="ingest")
