"""Crops of varied people by varied rigs: rendered, solved and cut, and nothing else is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from psface.captures.capture import Pixels
from psface.errors import UserError
from psface.faces.crop_params import CropParams
from psface.faces.cropping import crop_capture
from psface.faces.modalities import Map, maps_of
from psface.files import digest_of, made_folder, replacing
from psface.fingerprint import code_digest
from psface.parallel import map_in_processes
from psface.simulate.recording import record_session
from psface.simulate.sensor import WHITE
from psface.simulate.simulate_params import SimulateParams
from psface.stereo.compute import compute_maps
from psface.stereo.stereo_params import StereoParams

PEOPLE = 50  # of a file: what a killed run loses at most
MAPS: tuple[Map, ...] = tuple(maps_of("all"))


@dataclass(frozen=True)
class Population:
    """All that the crops of the people depend on."""

    simulate: SimulateParams
    seed: int
    stereo: StereoParams
    crop: CropParams

    @property
    def digest(self) -> str:
        """Hash of what a person's crops depend on; how many people there are is no part of it."""
        params = self.simulate.model_dump_json(exclude={"identities"})
        others = self.stereo.model_dump_json(), self.crop.model_dump_json(), str(self.seed)
        return digest_of(params, *others, code_digest("psface.commands.pretrain.varied_crops"))


def write_crops(
    population: Population, people: Sequence[int], work: Path, out: Path
) -> pd.DataFrame:
    """Write the packed crops of people of the population to ``out``; return their rows.

    Files of `PEOPLE` people each are kept in ``work``, from which a killed run goes on.

    Returns
    -------
    DataFrame
        Columns row, identity and session.

    Raises
    ------
    UserError
        If hardly a face is found.
    """
    parts = [people[start : start + PEOPLE] for start in range(0, len(people), PEOPLE)]
    marks = [digest_of(population.digest, *map(str, part))[:16] for part in parts]
    files = [made_folder(work) / f"{mark}.npz" for mark in marks]
    missing = [(part, file) for part, file in zip(parts, files, strict=True) if not file.exists()]
    for _ in map_in_processes(partial(_write_part, population), missing, "pretrain: people by 50"):
        pass
    return _packed(files, out)


def _write_part(population: Population, part_and_file: tuple[Sequence[int], Path]) -> None:
    part, file = part_and_file
    found = [
        (person, capture, crop)
        for person in part
        for capture in range(population.simulate.sessions)
        if (crop := crop_of(population, person, capture)) is not None
    ]
    arrays: dict[str, np.ndarray] = {"rows": np.array([row for *row, _ in found]).reshape(-1, 2)}
    if found:
        arrays |= {name: np.stack([crop[name] for *_, crop in found]) for name in MAPS}
    with replacing(file) as path, path.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]


def crop_of(population: Population, person: int, capture: int) -> dict[Map, np.ndarray] | None:
    """The maps of a capture, cropped, as `psface.faces.cropping.Crop.planes` has them; None if
    there is no such head or no face is found."""
    try:
        recording, _, _ = record_session(population.simulate, population.seed, person, capture)
    except ValueError:  # traits that no head can have together
        return None
    assert recording.lights is not None
    frames = recording.frames.astype(np.float32) / WHITE
    pixels = Pixels(frames, None, recording.lights, None)
    try:
        maps = compute_maps(pixels, population.stereo)
    except UserError:
        return None
    crop = crop_capture(pixels, maps, population.crop, whole=False)
    return None if crop is None else {name: crop.planes[name] for name in MAPS}


def _packed(files: list[Path], out: Path) -> pd.DataFrame:
    """Join the files' crops into one array per map."""
    counts, rows = [], []
    for file in files:
        with np.load(file) as part:
            rows.append(part["rows"])
            counts.append(len(part["rows"]))
    table = np.concatenate(rows)
    if len(table) < len(files):
        raise UserError("pretrain: hardly a face was found; give a greater width and height")
    made_folder(out)
    for name in MAPS:
        whole: np.ndarray | None = None
        end = 0
        for file, count in zip(files, counts, strict=True):
            if not count:
                continue
            with np.load(file) as part:
                crops = part[name]
            if whole is None:
                whole = np.lib.format.open_memmap(
                    out / f"{name}.npy", "w+", crops.dtype, (len(table), *crops.shape[1:])
                )
            whole[end : end + count] = crops
            end += count
    return pd.DataFrame(
        {
            "row": range(len(table)),
            "identity": [f"{person:05}" for person in table[:, 0]],
            "session": table[:, 1],
        }
    )
