"""transfer: how well a model recognises people, and captures of a rig, that it was not trained
on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from psface.commands.transfer.captures_to_crops import crop_captures
from psface.commands.transfer.fine_tuning import fine_tuned, fine_tuning_recipe
from psface.commands.transfer.people_draws import PeopleDraw, check_people, drawn_people
from psface.commands.transfer.people_figures import Figures, figures
from psface.commands.transfer.transfer_params import Sections
from psface.commands.transfer.transfer_tables import MODEL, TUNED, Tested
from psface.commands.transfer.untrained_vectors import untrained_vectors
from psface.errors import UserError
from psface.faces.arrays import Faces
from psface.faces.packing import TABLE
from psface.measures.intervals import draw_people
from psface.model.card import Card, crops_for
from psface.recognise.recogniser import Recogniser
from psface.stage_tables import read_table


@dataclass(frozen=True)
class Given:
    """What is tested.

    Attributes
    ----------
    folder : Path
        Crops, if it holds ``faces.parquet``; else captures in the layout of ``ingest.source``.
    model : Path
        Its folder.
    trained_on : Path or None
        Crops that the floor's principal components are fitted to.
    people : sequence of int
        How many to fine-tune on; empty: nothing is trained.
    padding : float or None
        Border added before detection, in place of the model's.
    """

    folder: Path
    model: Path
    trained_on: Path | None = None
    people: Sequence[int] = ()
    padding: float | None = None


@dataclass(frozen=True)
class _Captures:
    """The crops that all methods see, and what each makes of them."""

    folder: Path
    table: pd.DataFrame
    identity: np.ndarray
    card: Card
    vectors: dict[str, np.ndarray]


def transfer(params: Sections, given: Given, out: Path) -> Iterator[Tested]:
    """Test a model, and recognition without training, on the same crops.

    Yields first the model as it is, on all people; then, for each of ``given.people``, fine-tuned
    on so many of them and tested on the others, for every draw of ``params.transfer.draws``. Crops
    and fine-tuning are kept in ``out``, and not done again.

    Raises
    ------
    UserError
        If the captures, crops or model cannot be used, or there are too few people.
    """
    captures = _read(params, given, out)
    identity = captures.identity
    names = np.unique(identity)
    resampled = draw_people(len(names), params.evaluate.resamples, params.seed)

    def compared(vectors: dict[str, np.ndarray], chosen: np.ndarray) -> dict[str, Figures]:
        people = identity[chosen]
        drawn = resampled[:, np.isin(names, people)]
        bar = tqdm(vectors.items(), desc="compare", unit="method", mininterval=1.0)
        return {name: figures(values, people, drawn) for name, values in bar}

    everyone = PeopleDraw(0, 1, (), (), np.ones(len(identity), bool))
    yield Tested(0, [everyone], [compared(captures.vectors, everyone.tested)])
    for people in sorted(set(given.people)):
        draws, found = [], []
        for draw, tuned in _fine_tuned(captures, people, params, given, out / "draws"):
            others = {name: values[draw.tested] for name, values in captures.vectors.items()}
            draws.append(draw)
            found.append(compared({TUNED: tuned, **others}, draw.tested))
        yield Tested(people, draws, found)


def _read(params: Sections, given: Given, out: Path) -> _Captures:
    recogniser = Recogniser(given.model)
    folder = _crops(params, given, recogniser.card, out)
    faces = crops_for(recogniser.card, folder, "crop the captures anew for this model")
    table = read_table(folder / TABLE, "crop")
    if len(table) != len(faces):
        raise UserError(f"{folder}: {TABLE} is of other crops; run `dvc repro -f crop`")
    identity = table["identity"].to_numpy(dtype=str)
    check_people(identity, given.people, str(given.folder))
    fitted = _trained_on(given, recogniser.card, table)
    if fitted is None:
        print("transfer: no pca among the floors; --trained-on names the crops to fit it to")
    crops = (crop for batch in faces.batches(np.arange(len(faces))) for crop in batch)
    vectors = {MODEL: recogniser.embed_stored(crops).identity}
    vectors |= untrained_vectors(recogniser.card, faces, fitted)
    return _Captures(folder, table, identity, recogniser.card, vectors)


def _crops(params: Sections, given: Given, card: Card, out: Path) -> Path:
    """The folder of crops: the given one or, of captures, a new one."""
    if not given.folder.is_dir():
        raise UserError(f"{given.folder}: no such folder of crops or captures")
    if (given.folder / TABLE).is_file():
        if given.padding is not None:
            raise UserError(f"--padding: {given.folder} holds crops, which are made; leave it out")
        return given.folder
    ingest = params.ingest.model_copy(update={"root": str(given.folder)})
    done = crop_captures(ingest, params.seed, card.padded(given.padding), out / "faces")
    print(f"transfer: {done.cropped} captures cropped")
    if done.unused:
        print(
            f"transfer: {len(done.unused)} captures cannot be used and are not tested, the first "
            f"because {done.unused[0].reason} (all reasons: {out / 'faces' / 'failures.csv'})"
        )
    if done.doubted:
        print(f"transfer: {done.doubted} to be doubted ({out / 'faces' / 'trust.csv'})")
    return out / "faces"


def _trained_on(given: Given, card: Card, table: pd.DataFrame) -> Faces | None:
    """The crops that principal components are fitted to, none of which is tested."""
    if given.trained_on is None:
        return None
    fitted = crops_for(card, given.trained_on, "give those that the model was trained on")
    columns = ["identity", "session"]
    others = read_table(given.trained_on / TABLE, "crop", columns)
    shared = others.merge(table[columns]).head(1).to_dict("records")
    for capture in shared:
        raise UserError(
            f"{given.trained_on}: {capture['identity']}/{capture['session']} is also in "
            f"{given.folder}; the model must not be trained on what is tested"
        )
    return fitted


def _fine_tuned(
    captures: _Captures, people: int, params: Sections, given: Given, work: Path
) -> Iterator[tuple[PeopleDraw, np.ndarray]]:
    """Yield each draw with the embeddings of its tested captures by the model fine-tuned on it."""
    weights = given.model / "weights.safetensors"
    tuning = params.transfer
    recipe = fine_tuning_recipe(captures.card, weights, captures.table, params.train, tuning)
    for number in range(1, tuning.draws + 1):
        draw = drawn_people(captures.identity, people, number, tuning.validation, params.seed)
        print(f"transfer: {people} people, draw {number} of {tuning.draws}", flush=True)
        yield draw, fine_tuned(recipe, draw, captures.table, captures.folder, work / draw.name)
