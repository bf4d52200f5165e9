"""Networks trained on few women, and on as many women as men."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path

import pandas as pd

from psface.commands.measure.group_errors import SEED, group_errors
from psface.commands.pretrain.pretrain_params import Sections
from psface.commands.pretrain.varied_crops import write_crops
from psface.files import made_folder, replacing
from psface.model.spread_embedding import embed_rows
from psface.simulate.labels import draw_habits
from psface.simulate.state import HABITS, stream
from psface.training.loop import train

GENDERS = ("female", "male")
VALIDATING = 8  # people to train on for each who chooses the epoch


def chosen_people(women: int, men: int, after: int = 0) -> tuple[list[int], int]:
    """The first people of the population who are as many women and men, from number ``after``, and
    the number after the last.

    Examples
    --------
    >>> chosen_people(1, 2)
    ([0, 1, 5], 6)
    """
    wanted = {"female": women, "male": men}
    found: list[int] = []
    for number in count(after):
        if not sum(wanted.values()):
            return found, number
        gender = gender_of(number)
        if wanted[gender]:
            wanted[gender] -= 1
            found.append(number)
    raise AssertionError  # never: people are without end


def gender_of(number: int) -> str:
    """The gender of a person of the population."""
    return draw_habits(stream(SEED, HABITS, number)).gender


def women_tables(
    params: Sections, people: int, trained_on: int, share: float, epochs: int, work: Path
) -> dict[str, pd.DataFrame]:
    """The groups' errors by networks that are trained on few women, and on as many as men."""
    population = replace(params.population, seed=SEED)
    test, after = chosen_people(people // 2, people - people // 2)
    tables = {}
    for planted, of_women in (("yes", share), ("no", 0.5)):
        folder = work / planted
        groups, behind = [], after
        for total in (trained_on, max(2, trained_on // VALIDATING)):
            women = round(of_women * total)
            group, behind = chosen_people(women, total - women, behind)
            groups.append(group)
        everyone = [*test, *groups[0], *groups[1]]
        crops = write_crops(population, everyone, work / "parts", folder / "faces")
        crops["gender"] = [gender_of(int(name)) for name in crops["identity"]]
        crops["session"] = crops["session"].astype(str)
        tables[planted] = trained_table(params, crops, test, groups, epochs, folder)
    return tables


def trained_table(
    params: Sections, crops: pd.DataFrame, test: list[int], groups: list[list[int]], epochs: int,
    folder: Path,
) -> pd.DataFrame:  # fmt: skip
    """Train on the first of two groups of people, the second of which choose the epoch; the errors
    of the ``test`` people by gender."""
    faces, splits = folder / "faces", made_folder(folder / "splits")
    with replacing(faces / "faces.parquet") as path:
        crops.to_parquet(path)
    number = crops["identity"].astype(int)
    for name, group in zip(("train", "val"), groups, strict=True):
        crops[number.isin(group)].to_csv(splits / f"{name}.csv", index=False)
    recipe = params.recipe
    changed = recipe.train.model_copy(update={"epochs": epochs})
    train(recipe.model_copy(update={"train": changed}), faces, splits, folder, folder / "history")
    tested = crops[number.isin(test)].reset_index(drop=True)
    vectors = embed_rows(folder, faces, tested["row"].to_numpy()).identity
    return group_errors(vectors, tested, "gender", GENDERS)
