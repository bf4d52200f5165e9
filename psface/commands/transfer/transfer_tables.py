"""The tables of a benchmark: every method, and how far the model is above the best floor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from psface.commands.transfer.people_draws import PeopleDraw
from psface.commands.transfer.people_figures import FIGURES, Figures, above_best, averaged

MODEL, TUNED = "model", "fine-tuned"


@dataclass(frozen=True)
class Tested:
    """What was measured with a number of people to train on.

    Attributes
    ----------
    people : int
        0: nothing was trained.
    draws : list of PeopleDraw
    found : list of dict of str to Figures
        By method, on the captures tested in each draw.
    """

    people: int
    draws: list[PeopleDraw]
    found: list[dict[str, Figures]]

    @property
    def methods(self) -> dict[str, Figures]:
        """Each method, averaged over the draws."""
        return {name: averaged([each[name] for each in self.found]) for name in self.found[0]}

    @property
    def captures(self) -> float:
        """How many were tested, on average over the draws."""
        return float(np.mean([draw.tested.sum() for draw in self.draws]))


def transfer_table(results: list[Tested]) -> pd.DataFrame:
    """A row per number of people and method: figures with the ends of their 95% intervals."""
    rows = []
    for tested in results:
        for method, found in tested.methods.items():
            row: dict[str, object] = {
                "people": tested.people,
                "draws": len(tested.draws) if tested.people else 0,
                "tested_captures": round(tested.captures, 1),
                "method": method,
            }
            for name in FIGURES:
                low, high = found.interval(name)
                row |= {name: found.value[name], f"{name}_low": low, f"{name}_high": high}
            rows.append(row)
    return pd.DataFrame(rows)


def draws_table(results: list[Tested]) -> pd.DataFrame:
    """A row per draw and method: figures, and who was trained on."""
    rows = []
    for tested in results:
        for draw, found in zip(tested.draws, tested.found, strict=True):
            for method, figures in found.items() if tested.people else ():
                who = {"train": " ".join(draw.train), "val": " ".join(draw.val)}
                row = {"people": draw.people, "draw": draw.number, "method": method}
                rows.append({**row, **figures.value, **who})
    return pd.DataFrame(rows)


def differences_table(results: list[Tested]) -> pd.DataFrame:
    """A row per number of people and figure: the model to the best floor and, where it was
    fine-tuned, to itself before. Above zero is better, also for the error rate."""
    rows = []
    for tested in results:
        methods = tested.methods
        floors = {n: found for n, found in methods.items() if n not in (MODEL, TUNED)}
        ours = TUNED if tested.people else MODEL
        against = [floors, {MODEL: methods[MODEL]}] if tested.people else [floors]
        for others in against:
            for figure in FIGURES:
                if (above := above_best(methods[ours], others, figure)) is None:
                    continue
                rows.append(
                    {
                        "people": tested.people,
                        "method": ours,
                        "figure": figure,
                        "against": above.other,
                        "better_by": above.value,
                        "low": above.low,
                        "high": above.high,
                        "excludes_zero": above.excludes_zero,
                    }
                )
    return pd.DataFrame(rows)
