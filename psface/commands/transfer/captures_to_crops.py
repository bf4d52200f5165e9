"""Crop a folder of captures as a model's card says, so that the benchmark needs no pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from psface.captures.capture import Capture, Refusal, refused
from psface.captures.capture_table import write_refusals
from psface.captures.checks import check_capture, unique
from psface.captures.images import read_bytes
from psface.captures.ingest_params import IngestParams
from psface.captures.layouts.layouts import reader
from psface.captures.rigged import rig_of, with_rig
from psface.detect.detectors import DETECTORS
from psface.errors import UserError
from psface.faces.packing import Form, Packable, Packed, form_of, packable
from psface.faces.previous_crops import Previous
from psface.faces.trust_findings import Judged
from psface.files import array_digest, digest_of
from psface.fingerprint import code_digest
from psface.kept_results import KeptResults
from psface.model.card import Card
from psface.parallel import map_in_processes
from psface.recognise.preprocessing import check_kind, crop_and_doubts
from psface.registry import module_of
from psface.stereo.integrators.integrators import INTEGRATORS
from psface.stereo.trust.trust_warning import TrustWarning

Cut = tuple[Packable, list[TrustWarning]]


@dataclass(frozen=True)
class Cropping:
    """How many captures were cropped, why others cannot be used, and how many are to be doubted."""

    cropped: int
    unused: list[Refusal]
    doubted: int


def crop_captures(params: IngestParams, seed: int, card: Card, out: Path) -> Cropping:
    """Write the crops of all captures under ``params.root``, as the pipeline's stage crop does.

    They are checked, computed and cut by the card's settings alone, one capture at a time and
    without map files. Crops that a run before, also a killed one, has made of the same frames are
    kept. ``failures.csv`` lists the captures that cannot be used, ``trust.csv`` those in doubt.

    Raises
    ------
    UserError
        If the root is missing, or none of its captures can be used.
    """
    root = Path(params.root)
    listed = unique(with_rig(reader(params.source)(root, params, seed), rig_of(root, params.rig)))
    checks = partial(check_capture, limits=card.limits)
    checked = [_of_kind(c, card) for c in map_in_processes(checks, list(listed), "check")]
    captures = [item for item in checked if isinstance(item, Capture)]
    unused = [item for item in checked if isinstance(item, Refusal)]
    doubtful: list[tuple[Capture, list[tuple[str, TrustWarning]]]] = []
    if captures:
        form = form_of(captures, card.crop)
        with KeptResults(out.with_name(f"{out.name}.index")) as kept, Packed(out, form) as packed:
            for capture, mark, result in _cuts(captures, card, form, out, kept):
                if isinstance(result, Refusal):
                    unused.append(result)
                    continue
                crop, warnings = result
                row = {"identity": capture.identity, "session": capture.name, "fingerprint": mark}
                packed.add(crop, {**capture.attributes, **row})
                if warnings:
                    doubtful.append((capture, [("capture", warning) for warning in warnings]))
            if not packed.count:
                raise _nothing(root, params.source, unused)
        write_refusals(out / "failures.csv", unused)
        Judged([], doubtful).write(out / "trust.csv")
        return Cropping(packed.count, unused, len(doubtful))
    raise _nothing(root, params.source, unused)


def _of_kind(item: Capture | Refusal, card: Card) -> Capture | Refusal:
    """A capture that the model can use, or why it cannot."""
    if isinstance(item, Refusal):
        return item
    try:
        check_kind(item, card)
    except UserError as error:
        return refused(item, error)
    return item


def _cuts(
    captures: list[Capture], card: Card, form: Form, out: Path, kept: KeptResults
) -> Iterator[tuple[Capture, str, Cut | Refusal]]:
    """Yield each capture with the mark of its crop and the crop itself, of a run before if kept."""
    code = _code(card)
    marks = [_mark(capture, card, code) for capture in captures]
    before = Previous(out, form)
    # Of each capture that is cropped already: what is doubted of it, as JSON.
    doubts = [
        kept.get(capture.key, mark) if mark in before else None
        for capture, mark in zip(captures, marks, strict=True)
    ]
    todo = [c for c, found in zip(captures, doubts, strict=True) if found is None]
    work = partial(_cut, card=card, form=form)
    made = map_in_processes(work, todo, "stereo and crop")
    for capture, mark, found in zip(captures, marks, doubts, strict=True):
        result = next(made) if found is None else _kept(before.get(mark), found)
        if result is None:  # damaged
            result = work(capture)
        if not isinstance(result, Refusal):
            kept.put(capture.key, mark, json.dumps([asdict(w) for w in result[1]]))
        yield capture, mark, result
    list(made)  # let the pool close and the bar finish


def _kept(crop: Packable | None, doubts: str) -> Cut | None:
    return None if crop is None else (crop, [TrustWarning(**item) for item in json.loads(doubts)])


def _cut(capture: Capture, card: Card, form: Form) -> Cut | Refusal:
    try:
        crop, warnings = crop_and_doubts(capture, card)
    except UserError as error:
        return refused(capture, error)
    return packable(crop, form), warnings


def _code(card: Card) -> str:
    chosen = [DETECTORS.get(card.crop.detector), INTEGRATORS[card.stereo.integrator]]
    modules = [module_of(address) for address in chosen if address]
    weights = card.crop.detector_weights
    files = [read_bytes(Path(weights)).hex()] if weights else []
    return digest_of(code_digest("psface.recognise.preprocessing", *modules), *files)


def _mark(capture: Capture, card: Card, code: str) -> str:
    """Hash everything that a capture's crop depends on."""
    rig = "" if capture.rig is None else capture.rig.text()
    given = [a for a in (capture.lights, capture.landmarks) if a is not None]
    stated = [part.model_dump_json() for part in (card.limits, card.stereo, card.crop)]
    return digest_of(capture.key, capture.digest, array_digest(given), rig, *stated, code)


def _nothing(root: Path, source: str, unused: list[Refusal]) -> UserError:
    if not unused:
        return UserError(
            f"{root}: no faces.parquet, so not a folder of crops, and no capture in the {source} "
            "layout; give another folder or --source"
        )
    first = unused[0]
    return UserError(
        f"{root}: none of {len(unused)} captures can be used, the first "
        f"({first.identity}/{first.name}) because {first.reason}"
    )
