"""The sections of a run's page beyond the errors: attributes, pictures, stereo and training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from psface.report.class_ratios import plot_ratios, ratios_height
from psface.report.embedded_pictures import embedded
from psface.report.evaluation_plots import plot_rejects
from psface.report.finished_run import FinishedRun
from psface.report.page_sections import Cell, Chart, Links, Listing, Picture, Section, table_of
from psface.report.run_charts import plot_leakage, plot_training
from psface.report.run_sentences import (
    attributes_say,
    conditions_say,
    data_says,
    floors_say,
    leakage_say,
    probes_say,
    rejects_say,
    split_says,
    stereo_says,
    training_says,
)
from psface.report.svg_charts import svg_chart
from psface.report.wording import NONE, area, number, spoken


def run_sections(run: FinishedRun, parameters: str) -> Iterable[Section]:
    """Every section that has something to show; ``parameters`` is the YAML of the run's."""
    if len(run.tables["leakage"]):
        yield _attributes(run)
    if run.tables["conditions"]["genuine"].gt(0).any():
        yield _conditions(run)
    if len(run.tables["reject"]):
        yield _quality(run)
    yield _probes(run)
    yield _data(run)
    yield _split(run.tables["split"])
    if said := stereo_says(run.stereo):
        yield _stereo(run.stereo, said)
    yield _training(run)
    said = "The values of params.yaml that this run was made with."
    yield Section("parameters", "Parameters", said, [Listing("params.yaml", parameters)])


def _attributes(run: FinishedRun) -> Section:
    leaks = run.tables["leakage"]
    names = dict.fromkeys(leaks["attribute"])
    aucs = {n: run.metrics.get(f"{n}_auc") for n in names}
    told = {str(n): float(v) for n, v in aucs.items() if v is not None}
    rows = leaks.pivot_table(index="attribute", columns="probe", values="auc", sort=False)
    frame = rows.reset_index()
    accuracy = [run.metrics.get(f"{n}_balanced_accuracy") for n in names]
    frame["told"], frame["accuracy"] = [told.get(n) for n in names], accuracy
    columns: dict[str, str | Cell] = {
        "attribute": "attribute",
        "told by the network: AUC": lambda r: area(r["told"]),
        "balanced accuracy": "accuracy",
        **{f"leak: {probe} probe": _area_of(str(probe)) for probe in rows.columns},
    }
    named = {spoken(name): value for name, value in told.items()}
    said = f"{attributes_say(named)} {leakage_say(leaks)}".strip()
    chart = svg_chart(
        "What probes read from the identity embedding, by attribute",
        lambda axes: plot_leakage(axes, leaks, told),
    )
    note = (
        "The probes are trained on the embeddings of half of the test people and scored on the "
        "other half; means over such halves, without intervals. A permanent attribute, such as "
        "gender, is part of the identity."
    )
    title = "Attributes, and what the embedding leaks"
    return Section("attributes", title, said, [Chart(chart), table_of(frame, columns)], note)


def _area_of(name: str) -> Cell:
    return lambda row: area(row[name])


def _conditions(run: FinishedRun) -> Section:
    conditions = run.tables["conditions"]
    shown = conditions[(conditions["genuine"] > 0) | (conditions["probes"] > 0)]
    table = table_of(shown, {
        "attribute": lambda r: f"{r['attribute']} {r['condition']}",
        "genuine pairs": "genuine", "people": "people", "AUC": lambda r: area(r["auc"]),
        "TAR": "tar",
        "fall of TAR": lambda r: NONE if pd.isna(r["fall_low"]) else (
            f"{r['fall']:+.3f} [{r['fall_low']:+.3f}, {r['fall_high']:+.3f}]"
        ),
        "probes": "probes", "rank-1": "rank1",
    })  # fmt: skip
    note = (
        "Pairs of captures that agree or differ in the attribute, all at the threshold that gives "
        "FAR 0.01 over all pairs; the fall is from those that agree, in the same resamples of "
        "people. Rank-1 is of the probes whose own gallery capture agrees or differs. A capture is "
        "doubted if the checks of stereo or crop found anything."
    )
    said = conditions_say(conditions)
    return Section("conditions", "Where captures differ", said, [table], note)


def _quality(run: FinishedRun) -> Section:
    rejects = run.tables["reject"]
    chart = svg_chart(
        "FNMR against the share of pairs rejected by magnitude",
        lambda axes: plot_rejects(axes, rejects),
    )
    known = [
        f"{name} {number(value)}"
        for name, value in run.details.items()
        if name.startswith(("quality_gain", "magnitude_vs")) and value is not None
    ]
    note = (
        "Rejecting the genuine pairs whose worse capture has the smallest magnitude, at a "
        f"threshold fixed beforehand. {', '.join(known)}. A gain of 1 is ideal rejection, 0 is "
        "random; correlations are Spearman's, with the true noise and yaw if these are known."
    )
    said = rejects_say(rejects)
    return Section("quality", "Magnitude as quality", said, [Chart(chart)], note)


def _probes(run: FinishedRun) -> Section:
    order = "probe, own enrolled capture, and the nearest enrolled faces of anyone"
    parts = [
        embedded(
            run.pictures["probes"], "Probes with their nearest enrolled faces, by name",
            f"Some probes, misses before hits: {order}.",
        )
    ]  # fmt: skip
    if run.tables["conditions"]["probes"][run.tables["conditions"]["condition"] == "differs"].any():
        parts.append(
            embedded(
                run.pictures["conditions"],
                "Probes whose enrolled capture differs in an attribute, with their nearest faces",
                f"Probes whose own enrolled capture differs in an attribute: {order}.",
            )
        )
    note = (
        "A tick and a whole frame mark the probe's own person, a cross and a dotted frame others."
    )
    said = probes_say(run.errors.tables["cmc"])
    return Section("probes", "Probes and their nearest faces", said, parts, note)


def _data(run: FinishedRun) -> Section:
    data = run.data
    parts: list[Picture | Links] = []
    parts.append(
        embedded(
            run.pictures["faces"],
            "Some crops: one frame and, with lamps, albedo, normals and depth, by person",
            "Some of the crops by person.",
        )
    )
    if data.lit:
        lamps = "The lamps about the face"
        parts.append(embedded(run.pictures["rig"], lamps, f"{lamps}."))
    if data.doubted:
        parts.append(
            embedded(
                run.pictures["trust"],
                "The captures most in doubt: frames, albedo, normals and the reasons",
                "The captures most in doubt, and what to do about them.",
            )
        )
    note = ""
    if run.views:
        names = (path.removeprefix("views/").removesuffix(".html") for path in run.views)
        parts.append(Links(dict(zip(names, run.views, strict=True))))
        note = (
            "The links lead to captures to look at: relit by dragging a lamp, as maps and as a "
            "surface. They work while this page is in its folder."
        )
    doubted = data.doubted if data.lit else None
    said = data_says(data.captures, data.people, data.faceless, doubted, data.of_rigs)
    return Section("captures", "Captures and crops", said, parts, note)


def _split(shares: pd.DataFrame) -> Section:
    said = split_says(shares)
    labelled = shares.dropna(subset=["before"])
    if not len(labelled):
        return Section("split", "Split", said)
    chart = svg_chart(
        "Share of each class before the split and in each part",
        lambda axes: plot_ratios(axes, labelled), (7, ratios_height(labelled) + 0.6),
    )  # fmt: skip
    return Section("split", "Split", said, [Chart(chart)])


def _stereo(errors: Mapping[str, float], said: str) -> Section:
    kinds = {
        "": "as computed", "_unregistered": "frames not registered", "_still": "nobody moves",
        "_all_lights": "no lamp excluded in shadow",
        "_still_all_lights": "nobody moves, no lamp excluded",
    }  # fmt: skip
    rows = [
        {"how": name, "angle": errors[f"angle_deg{kind}"], "depth": errors[f"depth_px{kind}"]}
        for kind, name in kinds.items()
        if f"angle_deg{kind}" in errors
    ]
    table = table_of(
        pd.DataFrame(rows),
        {"maps": "how", "normals, degrees": "angle", "depth, px": "depth"},
    )
    note = (
        "Mean errors inside the face over some captures, up to the depth's offset. The shifts "
        f"between frames are {number(errors.get('shift_error_px'))} px off."
    )
    return Section("stereo", "Accuracy of stereo", said, [table], note)


def _training(run: FinishedRun) -> Section:
    epoch = run.details.get("epoch")
    said = training_says(run.curves.get("validation"), None if epoch is None else int(epoch))
    said = f"{said} {floors_say(run.metrics)}".strip()
    chart = svg_chart(
        "Training loss and validation AUC by epoch",
        lambda left, right: plot_training(left, right, run.curves), (11, 4.2), 2,
    )  # fmt: skip
    last = {n: run.curves[n].iloc[-1] for n in ("low", "median", "high") if n in run.curves}
    note = (
        "The epoch is the last that no other was better than by more than chance, on validation "
        "people, who are in no other part."
    )
    if len(last) == 3:
        low, median, high = (number(v) for v in last.values())
        note += f" At the end, magnitudes are {median} in the median, {low} to {high} for 90%."
    return Section("training", "Training", said, [Chart(chart, True)], note)
