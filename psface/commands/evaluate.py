"""``psface evaluate``: the report on errors from any system's scores."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from psface.commands.arguments import out_option
from psface.errors import UserError
from psface.running import PATH

if TYPE_CHECKING:
    from psface.measures.comparisons import Comparisons
    from psface.measures.score_lists import Groups


@click.command(
    epilog="Examples: psface evaluate scores.csv --groups people.csv; "
    "psface evaluate reports/scores.npz"
)
@click.argument("scores", type=PATH)
@click.option(
    "--groups", type=PATH, metavar="FILE",
    help="CSV of person (or capture) and its group in each attribute.",
)  # fmt: skip
@click.option(
    "--attempts", type=PATH, metavar="FILE",
    help="CSV of person, captures and failed: how many captures were tried, and not usable.",
)  # fmt: skip
@click.option(
    "--bob", type=PATH, metavar="FILE",
    help="Also write the scores of a .npz as bob's CSV (80 MB per million pairs).",
)  # fmt: skip
@click.option(
    "--resamples", type=click.IntRange(100), default=500, show_default=True,
    help="Of the people, for 95% intervals.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@out_option("reports/scores")
def evaluate(
    scores: Path,
    groups: Path | None,
    attempts: Path | None,
    bob: Path | None,
    resamples: int,
    seed: int,
    out: Path,
) -> None:
    """Report the errors in SCORES: trade-offs, identification and groups.

    SCORES is a .npz of the pipeline; a .csv of probe, reference, score and same (1 or 0) or
    probe_person, reference_person; or bob's score files, .csv or with 4 or 5 columns. Higher scores
    are more alike. Exit status: 0; 1 if nothing can be told; 2 for wrong arguments.
    """
    from psface.files import made_folder, replacing
    from psface.measures.attempt_lists import read_attempt_list
    from psface.measures.error_summary import summarise_errors
    from psface.report.error_report import write_errors
    from psface.report.run_page import run_page

    comparisons = _read(scores, groups, bob, seed)
    made_folder(out)
    tried = None if attempts is None else read_attempt_list(attempts, comparisons)
    summary = summarise_errors(comparisons, tried, resamples, seed)
    title = f"Errors in {scores.name}"
    write_errors(out, title, summary)
    with replacing(out / "report.html") as path:
        page = run_page(title, f"The scores in {scores.name}:", summary)
        path.write_text(page, encoding="utf-8")
    print(f"evaluate: {scores} ({out})")
    facts = {name: v for name, v in {**summary.facts, **summary.metrics}.items() if v is not None}
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"  {name:{width}}  {value}")


def _read(scores: Path, groups: Path | None, bob: Path | None, seed: int) -> Comparisons:
    if scores.suffix == ".npz":
        from psface.measures.bob_scores import write_bob_scores
        from psface.measures.comparisons import comparisons_of
        from psface.measures.scores import read_scores

        if groups is not None:
            raise UserError(f"{scores}: it has groups of its own; leave out --groups")
        ours = read_scores(scores)
        if bob is not None:
            write_bob_scores(bob, ours)
        return comparisons_of(ours, None, seed)
    if bob is not None:
        raise UserError(f"{scores}: not a .npz of the pipeline; leave out --bob")
    from psface.measures.score_lists import read_score_list

    if groups is None:
        return read_score_list(scores)
    comparisons = read_score_list(scores, _groups(groups))
    for name, labels in comparisons.labels.items():
        unknown = int((labels < 0).sum())
        if unknown == len(labels):
            raise UserError(f"{groups}: {name} of nobody in {scores}; use the names that are there")
        if unknown:
            said = f"{groups}: {name} is not known in {unknown} of {len(labels)} captures"
            print(f"{said}, which are in no group", file=sys.stderr)
    return comparisons


def _groups(path: Path) -> Groups:
    """Labels of people or captures by attribute."""
    from psface.user_tables import read_user_table

    table = read_user_table(path, (), ("person", "capture"))
    keys = {"person", "capture"} & set(table.columns)
    attributes = [name for name in table.columns if name not in keys]
    if len(keys) != 1 or not attributes:
        raise UserError(
            f"{path}: its columns are {', '.join(table.columns)}; expected person or capture, and "
            "one for each attribute"
        )
    (key,) = keys
    labels: dict[str, dict[str, str]] = {name: {} for name in attributes}
    for line, row in zip(table.lines, table.rows, strict=True):
        for name in attributes:
            if labels[name].setdefault(row[key], row[name]) != row[name]:
                where = f"{path}, line {line}"
                raise UserError(f"{where}: {row[key]} has another {name} above; correct it")
    return labels
