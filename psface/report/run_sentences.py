"""What the other tables of a run say, in a sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from psface.measures.groups import FEWEST
from psface.report.wording import area, counted, differs, listed, number, spoken


def attributes_say(aucs: Mapping[str, float]) -> str:
    """Which attributes of unseen people the network tells best and worst."""
    if not aucs:
        return ""
    best, worst = (pick(aucs, key=lambda name: aucs[name]) for pick in (max, min))
    if best == worst:
        return f"On unseen people, the network tells {best} with AUC {area(aucs[best])}."
    return (
        f"On unseen people, the network tells {best} best (AUC {area(aucs[best])}) and {worst} "
        f"worst ({area(aucs[worst])})."
    )


def leakage_say(leaks: pd.DataFrame) -> str:
    """What probes read from the identity embedding best; ``leaks`` has attribute and auc."""
    if not len(leaks):
        return ""
    mean = leaks.groupby("attribute", sort=False)["auc"].mean()
    worst, least = str(mean.idxmax()), str(mean.idxmin())
    said = f"From the identity embedding, probes read {spoken(worst)} best: AUC {area(mean[worst])}"
    if least != worst:
        said += f", and {spoken(least)} least: {area(mean[least])}"
    return f"{said}; 0.5 is no leak."


def conditions_say(conditions: pd.DataFrame) -> str:
    """Where TAR falls if an attribute differs between two captures, and where that cannot be
    told."""
    known = conditions[conditions["fall_low"].notna()]
    if not len(known):
        return "No attribute is known to differ between captures of one person."
    kinds: dict[object, list[str]] = {}
    for row in known.to_dict("records"):
        doubt = row["attribute"] == "capture"
        name = "the checks' doubts" if doubt else spoken(row["attribute"])
        kind = differs(row["fall_low"], row["fall_high"])
        if row["people"] < FEWEST:
            kinds.setdefault("few", []).append(name)
        elif kind:
            ends = sorted(abs(row[end]) for end in ("fall_low", "fall_high"))
            by = f"{abs(row['fall']):.3f} [{ends[0]:.3f}, {ends[1]:.3f}]"
            kinds.setdefault(kind, []).append(f"{name} (by {by})")
        else:
            kinds.setdefault(0, []).append(name)
    words = {
        1: "Where captures differ in {}, TAR at FAR 0.01 is lower.",
        -1: "Where they differ in {}, TAR at FAR 0.01 is higher.",
        0: "For {}, no difference can be told.",
        "few": "Too few people differ in {} to tell.",
    }
    return " ".join(words[k].format(listed(kinds[k])) for k in words if k in kinds)


def rejects_say(rejects: pd.DataFrame, share: float = 0.1) -> str:
    """What rejecting the pairs of the smallest magnitude does to the FNMR."""
    if not len(rejects):
        return ""
    rows = rejects[rejects["fmr"] == rejects["fmr"].iloc[0]]
    none, some = rows.iloc[0], rows.iloc[(rows["rejected"] - share).abs().argmin()]
    if not none["fnmr"]:
        return f"At FMR {none['fmr']:g} no pair is missed, so that nothing can be gained."
    return (
        f"Without the {some['rejected']:.0%} of the pairs of one person that have the smallest "
        f"magnitude, FNMR at FMR {none['fmr']:g} is {number(some['fnmr'])} instead of "
        f"{number(none['fnmr'])}; rejecting the missed ones first would leave "
        f"{number(some['ideal'])}."
    )


def probes_say(cmc: pd.DataFrame) -> str:
    """How many probes are nearest to another person; ``cmc`` has a row per rank."""
    if not len(cmc):
        return ""
    return f"{1 - cmc['hit_rate'].iloc[0]:.1%} of the probes are nearest to another person."


def data_says(
    captures: int, people: int, failed: int, doubted: int | None, of_rigs: Sequence[str] = ()
) -> str:
    """How many captures gave a face, how many of them are in doubt, None if none was checked since
    pictures have no lamps, and what is doubted of rigs."""
    said = f"{counted(captures, 'capture')} of {counted(people, 'person', 'people')} were accepted"
    said += f"; no face was found in {number(failed)}" if failed else ""
    if doubted is not None:
        verb = "is" if doubted == 1 else "are"
        said += f"; {number(doubted)} {verb} in doubt" if doubted else "; none is in doubt"
    return " ".join([f"{said}.", *(f"The rig is in doubt: {doubt}." for doubt in of_rigs)])


def split_says(shares: pd.DataFrame) -> str:
    """How far the shares of the classes in the test part are from those in training."""
    apart = (shares["test"] - shares["train"]).abs()
    if apart.isna().all():
        return "No capture is labelled, so only the numbers of captures were balanced."
    row = shares.iloc[int(apart.fillna(-1).argmax())]
    return (
        f"The classes' shares in test differ from those in training by at most "
        f"{100 * apart.max():.1f} points ({spoken(row['task'])}: {row['class']})."
    )


def stereo_says(errors: Mapping[str, float]) -> str:
    """How far the normals are from the truth, as they are and with other registration."""
    if "angle_deg" not in errors:
        return ""
    said = f"Against the simulator's truth, normals are {errors['angle_deg']:.1f}° off on average"
    if {"angle_deg_unregistered", "angle_deg_still"} <= set(errors):
        said += (
            f"; {errors['angle_deg_unregistered']:.1f}° if frames are not registered, and "
            f"{errors['angle_deg_still']:.1f}° if nobody had moved"
        )
    return f"{said}."


def floors_say(metrics: Mapping[str, float | int | None]) -> str:
    """How much better the network is than no training, and whether that can be told.

    Examples
    --------
    >>> floors = {"pixel_auc": 0.67, "pca_auc": 0.954}
    >>> above = {"above_floor": 0.03, "above_floor_low": 0.01, "above_floor_high": 0.05}
    >>> floors_say({**floors, **above})
    'AUC is above the untrained floors (pixels 0.6700, PCA 0.9540) by 0.030 [0.010, 0.050].'
    """
    by, low, high = (metrics.get(f"above_floor{end}") for end in ("", "_low", "_high"))
    if by is None or low is None or high is None:
        return ""
    pixels, components = (area(metrics[f"{name}_auc"]) for name in ("pixel", "pca"))
    floors = f"untrained floors (pixels {pixels}, PCA {components})"
    if kind := differs(low, high):
        ends = sorted((abs(low), abs(high)))
        where = "above" if kind > 0 else "below the better of"
        return f"AUC is {where} the {floors} by {abs(by):.3f} [{ends[0]:.3f}, {ends[1]:.3f}]."
    return f"Whether AUC is above the {floors} cannot be told: by {by:.3f} [{low:.3f}, {high:.3f}]."


def training_says(validation: pd.Series | None, epoch: int | None) -> str:
    """When the validation AUC was highest, and whether that is the model's epoch."""
    if validation is None or validation.isna().all():
        return "" if epoch is None else f"The model is that of epoch {epoch}."
    best, epochs = int(validation.argmax()) + 1, len(validation)
    said = f"Validation AUC is highest, {area(validation.max())}, after epoch {best} of {epochs}"
    if epoch is not None and epoch != best:
        return f"{said}; the model is that of epoch {epoch}."
    return f"{said}, which is the model's" + (
        "; more epochs might raise it." if best == epochs else "."
    )
