"""crop: find the face in each capture and cut all its maps alike."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
import numpy as np

from psface.captures.capture import Capture, Refusal
from psface.captures.capture_table import read_captures, write_refusals
from psface.captures.images import read_bytes
from psface.config import Selection, load
from psface.detect.detectors import DETECTORS
from psface.engines.engine_params import EngineParams
from psface.engines.engines import computing_on
from psface.errors import UserError
from psface.faces.crop_params import CropParams
from psface.faces.packing import Form, Packed, form_of, packed_crop
from psface.faces.previous_crops import MARK, Previous
from psface.faces.trust_findings import Findings, Judged
from psface.files import digest_of, replacing
from psface.fingerprint import code_digest
from psface.parallel import map_in_processes
from psface.registry import module_of
from psface.report.drawn_before import shows
from psface.report.face_sheet import draw_faces
from psface.report.view_pages import write_views
from psface.running import PATH, run
from psface.stereo.map_folder import MapFolder
from psface.stereo.trust.trust_warning import TrustWarning

SHOWN = 8  # captures in doubt


class Sections(Selection):
    crop: CropParams


def crop(
    params: CropParams,
    table: Path,
    maps: Path,
    out: Path,
    sheet: Path,
    doubts: Path,
    views: Path | None = None,
) -> tuple[int, int, int]:
    """Write ``out/<map>.npy`` (N, C, size, size), ``faces.parquet`` and ``failures.csv``.

    Row i of the table is entry i of each array, which is of float16, or uint8 for ``raw`` and
    ``frames`` that have no more than eight bits. Aligned pictures in a RecordIO file stay there:
    ``raw.npy`` holds their places (`psface.faces.records`). ``frames`` has as many channels as the
    capture with the fewest lights has frames, in the order of their lights about the axis; ``raw``
    has three, RGB, with ``params.colour``. Pictures, which have no lights, have only ``raw``. Crops
    whose maps, frames, parameters and code have not changed are kept from the last run.
    ``trust.csv`` has what the checks of stereo, of the face and of all captures of a rig found.
    ``sheet`` shows an evenly spread sample of faces, ``doubts`` the captures with most warnings;
    ``views`` receives pages of some captures, to look at.

    Returns
    -------
    made, kept, failed : int

    Raises
    ------
    UserError
        If no face is found in any capture.
    """
    code, found = _code(params), MapFolder(maps)

    # The table is read again for each pass: with millions of pictures it may not fit in memory.
    form = form_of(read_captures(table), params)
    before = Previous(out, form)
    # An array takes half the memory of a list.
    made_of = (_fingerprint(c, found, params, form, code) for c in read_captures(table))
    marks = np.fromiter((mark.encode() for mark in made_of), MARK)
    todo = sum(mark.decode() not in before for mark in marks)

    def marked() -> Iterator[tuple[Capture, str]]:
        for capture, mark in zip(read_captures(table), marks, strict=True):
            yield capture, mark.decode()

    work = partial(packed_crop, maps=found, params=params, form=form)
    new = (capture for capture, mark in marked() if mark not in before)
    made = map_in_processes(work, new, "crop", todo)

    failures: list[Refusal] = []
    findings = Findings(found)
    with Packed(out, form) as packed:
        for capture, mark in marked():
            result = before.get(mark) if mark in before else next(made)
            if result is None:  # damaged, or from another run
                result, todo = work(capture), todo + 1
            if isinstance(result, Refusal):
                failures.append(result)
                continue
            row = {"identity": capture.identity, "session": capture.name, "fingerprint": mark}
            packed.add(result, {**capture.attributes, **row})
            findings.add(capture, result.found["trust"])
        list(made)  # let the pool close and the bar finish
        write_refusals(out / "failures.csv", failures)
        judged = findings.judged()
        judged.write(out / "trust.csv")
        if not packed.count:
            raise UserError(
                f"crop: no face in any of {len(marks)} captures; check the frames, or set "
                "crop.padding (tight crops) or crop.min_face_size (params.yaml)"
            )
    with replacing(sheet) as path:
        draw_faces(out, path)
    worst = judged.worst(SHOWN)
    draw_worst(worst, [_fingerprint(c, found, params, form, code) for c, _ in worst], found, doubts)
    if views is not None:
        write_views([capture for capture, _ in worst], findings.captures, found, params, views)
    _tell(judged, out / "trust.csv")
    return todo - len(failures), len(marks) - todo, len(failures)


def _tell(judged: Judged, table: Path) -> None:
    for warning in judged.of_rigs:
        print(f"crop: the rig: {warning}")
    if count := len(judged.doubtful):
        print(f"crop: {count} capture{'s' * (count > 1)} to be doubted ({table})")


def draw_worst(
    worst: list[tuple[Capture, tuple[TrustWarning, ...]]],
    marks: list[str],
    maps: MapFolder,
    path: Path,
) -> None:
    """Draw captures in doubt with their warnings, unless the picture shows this already.

    Parameters
    ----------
    marks : list of str
        The captures' fingerprints.
    """
    warnings = (repr(warnings) for _, warnings in worst)
    drawn_from = digest_of(*marks, *warnings, code_digest("psface.report.trust_picture"))
    if shows(path, drawn_from):
        return
    # Matplotlib takes longer to load than a face to be found.
    from psface.report.trust_picture import DoubtedCapture, draw_doubted

    drawn = []
    for capture, of_capture in worst:
        found = maps.maps(capture.key)
        frames = capture.pixels().visible
        drawn.append(DoubtedCapture(capture.key, frames, found.normal, found.albedo, of_capture))
    draw_doubted(drawn, path, drawn_from)


def _code(params: CropParams) -> str:
    detector = DETECTORS.get(params.detector)
    modules = ["psface.faces.packing", *([module_of(detector)] if detector else [])]
    weights = read_bytes(Path(params.detector_weights)) if params.detector_weights else b""
    return code_digest(*modules) + hashlib.sha256(weights).hexdigest()


def _fingerprint(
    capture: Capture, maps: MapFolder, params: CropParams, form: Form, code: str
) -> str:
    """Hash everything that a capture's crop depends on."""
    mark = "" if capture.is_picture else maps.notes(capture.key).get("fingerprint", "")
    landmarks = "" if capture.landmarks is None else capture.landmarks.tobytes().hex()
    place = capture.frames[0] if form.records else ""  # what is stored of it
    stated = params.model_dump_json()
    return digest_of(capture.key, capture.digest, mark, landmarks, stated, place, code)


@click.command("python -m stages.crop")
@click.option("--captures", type=PATH, required=True, help="the table of captures")
@click.option("--maps", type=PATH, required=True, help="the folder of their map files")
@click.option("--out", type=PATH, required=True, help="output folder, an array per map")
@click.option("--sheet", type=PATH, required=True, help="image of sample crops")
@click.option("--doubts", type=PATH, required=True, help="image of the captures most in doubt")
@click.option("--views", type=PATH, required=True, help="folder of pages of some captures")
def main(captures: Path, maps: Path, out: Path, sheet: Path, doubts: Path, views: Path) -> None:
    """Find the face in every capture and crop its maps."""
    params = load(Sections).crop
    with computing_on(load(EngineParams)):
        made, kept, failed = crop(params, captures, maps, out, sheet, doubts, views)
    print(f"crop: {made} faces cut, {kept} kept, {failed} not found", end="")
    print(f" (reasons: {out / 'failures.csv'})" if failed else "")


if __name__ == "__main__":
    run(main, alone_as="crop")
