"""What the tables of errors say, in a sentence each."""

from __future__ import annotations

import pandas as pd

from psface.measures.groups import FEWEST, TOO_FEW, WORSE
from psface.report.wording import Row, area_with_interval, listed, number, spoken, with_interval

USUAL = 1e-2  # the FMR that is spoken of first, if it can be told


def errors_say(errors: pd.DataFrame) -> str:
    """The FNMR at the usual FMR and at the lowest that can be told.

    Examples
    --------
    >>> row = {"fmr": 0.01, "fnmr": 0.02, "fnmr_low": 0.01, "fnmr_high": 0.03}
    >>> errors_say(pd.DataFrame([row]))
    'At FMR 0.01, FNMR is 0.02 [0.01, 0.03].'
    """
    told = errors[errors["fnmr"].notna()].to_dict("records")
    if not told:
        return f"No FMR can be told: {errors['note'].iloc[0]}."
    usual = next((row for row in told if row["fmr"] == USUAL), told[0])
    rows = [usual, *([told[-1]] if told[-1]["fmr"] < usual["fmr"] else [])]
    first, *rest = (with_interval(row, "fnmr") for row in rows)
    also = "".join(f"; at FMR {row['fmr']:g}, {r}" for row, r in zip(rows[1:], rest, strict=True))
    return f"At FMR {usual['fmr']:g}, FNMR is {first}{also}."


def failures_say(failures: pd.DataFrame) -> str:
    """How many captures and people were never compared."""
    if not len(failures):
        return "Failed captures are not known, so FRR and GFRR are not told."
    rates = {row["rate"]: row for row in failures.to_dict("records")}
    said = [
        f"{_of(rates[name])} {what} ({name} {with_interval(rates[name], 'value')})"
        for name, what in (("FTA", "captures failed"), ("FTE", "people have no usable capture"))
    ]
    return f"{listed(said)}."


def _of(row: Row) -> str:
    return f"{number(int(row['failed']))} of {number(int(row['of']))}"


def identification_say(searches: pd.DataFrame, cmc: pd.DataFrame) -> str:
    """How many probes find their person among all people enrolled."""
    if not len(searches):
        return ""
    most = searches[searches["gallery"] == searches["gallery"].max()]
    told = most[most["fnir"].notna()].to_dict("records")
    said = [f"at FPIR {row['fpir']:g}, FNIR is {with_interval(row, 'fnir')}" for row in told[:1]]
    if len(cmc):
        said.insert(0, f"{cmc['hit_rate'].iloc[0]:.1%} of the probes find their person first")
    gallery = number(int(most["gallery"].iloc[0]))
    return f"With {gallery} people enrolled, {'; '.join(said)}." if said else ""


def templates_say(templates: pd.DataFrame) -> str:
    """What enrolling several captures gains, and whether it can be told."""
    plain = templates[(templates["against"] == "captures") & (templates["pooling"] == "mean")]
    plain = plain[plain["fnmr"].notna()]
    if len(plain) < 2:
        return ""
    one, most = plain.iloc[0].to_dict(), plain.iloc[-1].to_dict()
    said = (
        f"With {number(int(most['captures']))} captures enrolled instead of "
        f"{number(int(one['captures']))}, FNMR at FMR {one['fmr']:g} is "
        f"{with_interval(most, 'fnmr')} instead of {with_interval(one, 'fnmr')}"
    )
    apart = most["fnmr_high"] < one["fnmr_low"] or one["fnmr_high"] < most["fnmr_low"]
    return f"{said}{'' if apart else ': the intervals overlap, so it may be chance'}."


def groups_say(groups: pd.DataFrame) -> str:
    """For whom errors are more frequent, and for whom that cannot be told."""
    if not len(groups):
        return "Not told: no groups are known, or there are too few false matches to compare them."
    worse = [
        f"{spoken(row['attribute'])} {row['group']} ({row['rate']} {number(row['ratio'])} times "
        f"the others', [{number(row['ratio_low'])}, {number(row['ratio_high'])}], "
        f"p {number(row['p'])})"
        for row in groups[groups["verdict"] == WORSE].to_dict("records")
    ]
    said = f"Worse for: {'; '.join(worse)}." if worse else "No difference between groups was found."
    few = groups[groups["verdict"] == TOO_FEW]
    named = dict.fromkeys(few["attribute"].map(spoken) + " " + few["group"])
    return said + (f" Too few people to tell: {', '.join(named)}." if named else "")


def group_pairs_say(pairs: pd.DataFrame) -> str:
    """The highest FMR among pairs of groups that are large enough."""
    enough = pairs[(pairs["fmr_people"] >= FEWEST) & pairs["fmr"].notna()]
    if not len(enough):
        return ""
    row = max(enough.to_dict("records"), key=lambda row: row["fmr"])
    return (
        f"The highest FMR is {with_interval(row, 'fmr')}, of {spoken(row['attribute'])}: "
        f"{row['first']} / {row['second']}."
    )


def indices_say(indices: pd.DataFrame) -> str:
    """Which indices are beyond chance, if chance is known."""
    known = indices[indices["chance"].notna()]
    if not len(known):
        return (
            "No index is judged: what chance gives is not known where people are in several groups "
            "or a group has no error."
        )
    falls = known["index"] == "FDR"  # the only index that is lower for uneven groups
    uneven = known["value"].lt(known["chance"]).where(falls, known["value"].gt(known["chance"]))
    named = [
        f"{row['index']} of {spoken(row['attribute'])}" for row in known[uneven].to_dict("records")
    ]
    if named:
        return f"More uneven than chance leaves 95% of even groups: {listed(named)}."
    return "No index is beyond what chance gives even groups of this size."


def group_quality_say(quality: pd.DataFrame) -> str:
    """Between which groups the magnitude differs by more than its intervals."""
    told = quality[(quality["measure"] == "magnitude") & (quality["people"] >= FEWEST)]
    apart = []
    for attribute, rows in told.groupby("attribute", sort=False):
        lowest, highest = (
            rows.loc[rows["value"].agg(end)].to_dict() for end in ("idxmin", "idxmax")
        )
        if lowest["high"] < highest["low"]:
            low, high = (f"{number(r['value'])} of {r['group']}" for r in (lowest, highest))
            apart.append(f"{spoken(str(attribute))} ({low}, {high})")
    if apart:
        return f"Magnitude differs by more than its intervals between groups of {listed(apart)}."
    return "No groups differ in magnitude by more than its intervals." if len(told) else ""


def auc_says(facts: Row) -> str:
    """The AUC with its interval, if people are known, and the EER."""
    return f"AUC {area_with_interval(facts)}, equal error rate {number(facts['eer'])}"
