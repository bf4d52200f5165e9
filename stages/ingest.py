"""ingest: list the usable captures of any known layout in one table."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import click

from psface.captures.capture import Capture, Refusal
from psface.captures.capture_table import write_captures, write_refusals
from psface.captures.checked_before import CheckedBefore
from psface.captures.checks import check_capture, unique
from psface.captures.ingest_params import IngestParams
from psface.captures.layouts.layouts import reader
from psface.captures.layouts.photoface import misplaced
from psface.captures.rigged import rig_of, with_rig
from psface.config import Seed, Selection, load
from psface.engines.engine_params import EngineParams
from psface.engines.engines import computing_on
from psface.errors import UserError
from psface.kept_results import KeptResults
from psface.parallel import map_in_processes
from psface.running import PATH, run

AT_ONCE = 20_000  # captures in memory: there may be millions of pictures


class Sections(Selection):
    seed: Seed
    ingest: IngestParams


def ingest(
    params: IngestParams, seed: int, table: Path, rejected: Path
) -> tuple[int, int, list[Refusal]]:
    """List and check the captures under ``params.root``; write both tables.

    A capture that passed in an earlier run is not read again while its files' sizes and times
    (`psface.stamps`), what the layout says of it, the limits and the code are the same; this is
    noted beside the table, in ``sessions.index``. With ``params.compare`` "content", all are read.

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
    count, people = 0, set()
    refused: list[Refusal] = []

    def accepted() -> Iterator[Capture]:
        nonlocal count
        for result in _checked(listed, params, table.with_suffix(".index")):
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


def _checked(
    listed: Iterator[Capture | Refusal], params: IngestParams, index: Path
) -> Iterator[Capture | Refusal]:
    """Yield the captures with their digests, or why they cannot be used; read what has changed."""
    with KeptResults(index) as kept:
        before = CheckedBefore(kept, params)
        trusted = params.compare == "times"
        while batch := list(islice(listed, AT_ONCE)):
            marks = [before.mark(item) for item in batch]
            known = [
                before.get(item, mark if trusted else None)
                for item, mark in zip(batch, marks, strict=True)
            ]
            new = [item for item, result in zip(batch, known, strict=True) if result is None]
            results = map_in_processes(partial(check_capture, limits=params), new, "ingest")
            for mark, result in zip(marks, known, strict=True):
                if result is None:
                    result = next(results)
                    before.put(result, mark)
                yield result
            list(results)  # let the pool close and the bar finish


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
    with computing_on(load(EngineParams)):
        count, people, refused = ingest(params.ingest, params.seed, captures, rejected)
    print(f"ingest: {count} captures of {people} people, {len(refused)} refused", end="")
    print(f" (reasons: {rejected})" if refused else "")


if __name__ == "__main__":
    run(main, alone_as="ingest")
