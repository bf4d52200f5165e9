"""What `dvc repro` takes in a finished pipeline: with nothing changed, and with a capture added."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psface.captures.capture_table import read_captures
from psface.captures.ingest_params import IngestParams
from psface.commands.measure.rig_to_name import children_seconds
from psface.config import PARAMS, Selection, load
from psface.errors import UserError

PER_CAPTURE = ("check", "ingest", "stereo", "crop")  # stages that compute capture by capture
ADDED = "-added"  # to the name of the capture that is copied


class Sections(Selection):
    ingest: IngestParams


def tell_pipeline(folder: Path) -> None:
    """Print what `dvc repro` takes in processor time of all its processes.

    For the second figure, a copy of a capture lies beside it for as long as this takes, and only
    the stages up to the crops run; they run again without it, so that all is as it was.

    Raises
    ------
    UserError
        If a run of DVC fails.
    """
    _repro(folder)  # which may have something to do
    print(f"dvc repro in {folder}, nothing changed: {_repro(folder):.1f} s")
    if load(Sections, folder / PARAMS).ingest.source != "photoface":
        print("one capture added: left out (ingest.source is not photoface)")
        return
    try:
        with capture_added(folder) as count:
            spent = _repro(folder, "--single-item", *PER_CAPTURE)
        print(f"... {', '.join(PER_CAPTURE)} with a capture added to {count}: {spent:.1f} s")
    finally:
        _repro(folder, "--single-item", *PER_CAPTURE)


@contextmanager
def capture_added(folder: Path) -> Iterator[int]:
    """Have a copy of the last capture beside it; yields the number of the others."""
    places, last = 0, Path()
    for capture in read_captures(folder / "data" / "sessions.parquet"):
        places, last = places + 1, folder / capture.place
    copy = last.with_name(last.name + ADDED)
    try:
        shutil.copytree(last, copy)
        yield places
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _repro(folder: Path, *arguments: str) -> float:
    command = [sys.executable, "-m", "dvc", "repro", "--quiet", *arguments]
    here = str(Path(sys.executable).parent)
    search = {"PATH": os.pathsep.join([here, os.environ.get("PATH", os.defpath)])}
    before = children_seconds()
    done = subprocess.run(command, cwd=folder, env={**os.environ, **search}, check=False)
    if done.returncode:
        raise UserError(f"{folder}: `dvc repro` failed; run it there to see why")
    return children_seconds() - before
