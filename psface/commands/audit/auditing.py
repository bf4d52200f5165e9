"""audit: check a data set of pictures against section ``audit`` of ``params.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from psface.commands.audit.audit_params import AuditParams
from psface.commands.audit.audit_report import Report
from psface.commands.audit.data_set import groups_in, walk
from psface.commands.audit.judging import judge
from psface.commands.audit.people import Identities, read_people
from psface.commands.audit.rules import rules_of
from psface.commands.audit.worn import unchecked
from psface.errors import UserError
from psface.parallel import map_in_processes


@dataclass(frozen=True)
class Outcome:
    """Result of an audit: the number of pictures, and a row per rule as in summary.csv.

    The columns are those of `psface.commands.audit.audit_report.SUMMARY`.
    """

    pictures: int
    summary: list[dict[str, Any]]

    @property
    def violations(self) -> int:
        return sum(row["violated"] for row in self.summary)


def audit(params: AuditParams, root: Path, out: Path, seed: int) -> Outcome:
    """Audit everything under ``root``; write ``findings.csv``, ``summary.csv`` and ``audit.html``
    to ``out``.

    Raises
    ------
    UserError
        If ``root`` or the metadata table cannot be read, ``root`` holds no picture, or ``out`` is
        in it.
    """
    if root.resolve() in (out.resolve(), *out.resolve().parents):
        raise UserError(f"{out}: is in the data set {root}; give another --out")
    table_path = root / params.metadata
    table = read_people(table_path) if params.metadata else None
    excluded = {table_path.resolve()} if params.metadata else set()
    total = sum(1 for _ in walk(root, params, excluded))
    rules, identities, pictures = rules_of(params), Identities(), 0
    with Report(out, rules, params.examples, seed) as report:
        report.add(groups_in(root, params))
        report.add(unchecked(params))
        entries = walk(root, params, excluded)
        work = partial(judge, params, root)
        for judged in map_in_processes(work, entries, "audit", total):
            report.add(judged.findings, judged.thumbnail)
            readable = any(f.rule == "readable" and f.verdict == "ok" for f in judged.findings)
            identities.add(judged.entry, readable)
            pictures += judged.entry.kind == "picture"
        if not pictures:
            raise UserError(f"{root}: no pictures found")
        report.add(identities.findings(params, rules, table))
        report.finish({"root": str(root), "pictures": pictures, "parameters": params.model_dump()})
    return Outcome(pictures, report.summary())
