"""stereo: compute normals, albedo and depth from the frames of each capture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from psface.captures.capture import Capture, Refusal, refused
from psface.captures.capture_table import read_captures, write_refusals
from psface.config import load
from psface.engines.engine_params import EngineParams
from psface.engines.engines import computing_on
from psface.errors import UserError
from psface.files import digest_of, replacing
from psface.fingerprint import code_digest
from psface.kept_results import KeptResults
from psface.parallel import map_in_processes
from psface.registry import module_of
from psface.report.rigs_used import draw_rigs
from psface.running import PATH, run
from psface.stamps import stamp_of
from psface.stereo.accuracy import truth_metrics
from psface.stereo.compute import compute_maps
from psface.stereo.integrators.integrators import INTEGRATORS
from psface.stereo.map_files import write_maps
from psface.stereo.map_folder import MapFolder
from psface.stereo.map_packing import arranged
from psface.stereo.map_shards import damaged_members, shards_in
from psface.stereo.stereo_params import StereoParams, StorageParams
from psface.stereo.trust_table import write_trust


class Sections(StorageParams):
    stereo: StereoParams


def stereo(
    params: StereoParams, table: Path, out: Path, report: Path, shards: int = 0
) -> tuple[int, int, int, int]:
    """Write ``out/<identity>/<capture>.exr`` for every capture with lights; keep current ones.

    With ``shards``, they are then packed into so many zip files (`psface.stereo.map_shards`).

    Pictures, which have no lights, are skipped. A map file carries the fingerprint of its inputs
    (frames, lights, parameters and code), so that the work is proportional to what changed; it is
    read again only if its size or time (in a shard: its checksum) is not as noted beside ``out``,
    in ``stereo.index``. Map files whose capture is gone are removed. Captures that fail are listed
    in ``out/failures.csv``, and what the checks found in ``out/trust.csv``.
    ``report`` receives the errors against the truth (see `truth_metrics`), for captures that have
    it.

    Returns
    -------
    made, kept, failed, doubtful : int

    Raises
    ------
    UserError
        If no capture succeeds.
    """
    captures = [c for c in read_captures(table) if not c.is_picture]
    code = code_digest("psface.stereo.compute", module_of(INTEGRATORS[params.integrator]))
    marks = {c.key: fingerprint(c, params, code) for c in captures}
    folder = MapFolder(out)
    _remove_others(captures, folder)
    with KeptResults(out.with_name(f"{out.name}.index")) as kept:
        current = _current(captures, marks, folder, kept)
        todo = [c for c in captures if c.key not in current]
        work = partial(_write, params=params, code=code, folder=folder)
        failures = [f for f in map_in_processes(work, todo, "stereo") if f is not None]
        if failures and len(failures) == len(captures):
            raise UserError(f"stereo: every capture failed, the first: {failures[0].reason}")
        write_refusals(out / "failures.csv", failures)
        failed = {(f.identity, f.name) for f in failures}
        done = [c for c in captures if (c.identity, c.name) not in failed]
        before, folder = folder, arranged(folder, [c.key for c in done], shards)
        if todo or folder is not before:
            _note_intact(done, current, marks, folder, kept)
        _note_shards(folder, kept)
        if todo:
            _remove_others(captures, folder)  # what a worker that was killed left half done
        doubtful = write_trust(out / "trust.csv", done, folder)
        errors = truth_metrics(done, params, marks, kept)
    with replacing(report) as path:
        path.write_text(json.dumps(errors, indent=2) + "\n")
    return len(todo) - len(failures), len(captures) - len(todo), len(failures), doubtful


def _remove_others(captures: list[Capture], folder: MapFolder) -> None:
    for stale in set(folder.path.glob("*/*.exr")) - {folder.file_of(c.key) for c in captures}:
        stale.unlink()


def _current(
    captures: list[Capture], marks: dict[str, str], folder: MapFolder, kept: KeptResults
) -> dict[str, str]:
    """What was seen of captures whose maps are there, made of what is there now, and intact."""
    damaged = _damaged(folder, kept)
    whole = [c for c in captures if c.key not in damaged]
    seen = {c.key: _seen(c, marks, folder) for c in whole}
    current = {key: text for key, text in seen.items() if text and kept.get(key, text)}
    others = [c for c in whole if seen[c.key] and c.key not in current]
    marked = [c for c in others if folder.notes(c.key).get("fingerprint") == marks[c.key]]
    intact = map_in_processes(partial(_is_intact, folder=folder), marked, "stereo: check maps")
    for capture, is_intact in zip(marked, intact, strict=True):
        if is_intact:
            kept.put(capture.key, seen[capture.key], "intact")
            current[capture.key] = str(seen[capture.key])
    return current


def _damaged(folder: MapFolder, kept: KeptResults) -> set[str]:
    """The keys of captures whose maps are damaged in their shard; a shard that has not changed
    since it was found intact is not read."""
    changed = [shard for shard, _ in _changed_shards(folder, kept)]
    found = map_in_processes(damaged_members, changed, "stereo: check shards") if changed else ()
    return {key for key in set().union(*found) if folder.shard_with(key)}  # and not since in a file


def _note_intact(
    done: list[Capture],
    current: dict[str, str],
    marks: dict[str, str],
    folder: MapFolder,
    kept: KeptResults,
) -> None:
    """Note the captures whose maps the run has written or moved."""
    for capture in done:
        seen = _seen(capture, marks, folder)
        if seen != current.get(capture.key):
            kept.put(capture.key, seen, "intact")


def _note_shards(folder: MapFolder, kept: KeptResults) -> None:
    for shard, stamp in list(_changed_shards(folder, kept)):
        kept.put(_name(shard), stamp, "intact")


def _changed_shards(folder: MapFolder, kept: KeptResults) -> Iterator[tuple[Path, str | None]]:
    """The shards that are not as when they were found intact, each with its stamp."""
    for shard in shards_in(folder.path):
        stamp = stamp_of([shard], ours=True)
        if not kept.get(_name(shard), stamp):
            yield shard, stamp


def _name(shard: Path) -> str:
    return f"/shard/{shard.name}"  # a capture's own key begins with its identity


def _seen(capture: Capture, marks: dict[str, str], folder: MapFolder) -> str | None:
    """What a capture's maps are made of, and their stamp; None if they are missing."""
    stamp = folder.stamp(capture.key)
    return stamp and digest_of(marks[capture.key], stamp)


def fingerprint(capture: Capture, params: StereoParams, code: str) -> str:
    """Hash everything that a capture's maps depend on."""
    lights = capture.lights.tobytes().hex()
    rig = "" if capture.rig is None else capture.rig.text()
    return digest_of(capture.digest, lights, rig, params.model_dump_json(), code)


def _is_intact(capture: Capture, folder: MapFolder) -> bool:
    """Whether a capture's maps can be read as written."""
    try:
        folder.maps(capture.key)
    except UserError:
        return False
    return True


def _write(capture: Capture, params: StereoParams, code: str, folder: MapFolder) -> Refusal | None:
    path = folder.file_of(capture.key)
    try:
        maps = compute_maps(capture.pixels(colours=params.colour_albedo), params)
    except UserError as error:
        path.unlink(missing_ok=True)
        return refused(capture, error)
    maps.notes["fingerprint"] = fingerprint(capture, params, code)
    write_maps(path, maps)
    return None


@click.command("python -m stages.stereo")
@click.option("--captures", type=PATH, required=True, help="the table of captures")
@click.option("--out", type=PATH, required=True, help="output folder of the map files")
@click.option("--report", type=PATH, required=True, help="errors against the truth, as JSON")
@click.option("--rig", type=PATH, required=True, help="image of the lamps about the face")
def main(captures: Path, out: Path, report: Path, rig: Path) -> None:
    """Compute normals, albedo and depth of every capture."""
    draw_rigs(read_captures(captures), rig)
    params = load(Sections)
    with computing_on(load(EngineParams)):
        made, kept, failed, doubtful = stereo(
            params.stereo, captures, out, report, params.map_shards
        )
    print(f"stereo: {made} captures computed, {kept} kept, {failed} failed ({out})", end="")
    print(f", {doubtful} to be doubted (reasons: {out / 'trust.csv'})" if doubtful else "")


if __name__ == "__main__":
    run(main, alone_as="stereo")
