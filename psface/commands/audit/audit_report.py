"""The files of an audit: findings.csv, summary.csv and audit.html."""

from __future__ import annotations

import base64
import csv
import random
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psface.commands.audit.rules import Finding, Rule
from psface.errors import UserError
from psface.files import replacing
from psface.report.pages import templates
from psface.user_tables import safe_cell

COLUMNS = ("group", "identity", "path", "rule", "value", "limits", "verdict", "note")
SUMMARY = ("rule", "of", "limits", "checked", "violated", "share", "not_measurable", "note")


@dataclass(frozen=True)
class Example:
    """A violation shown on the page.

    ``thumbnail`` is a JPEG in base64, empty if the file is not a readable picture.
    """

    about: str
    value: str
    note: str
    thumbnail: str


@dataclass
class Account:
    """Tally of a rule's findings: counts, why it was not checked, examples."""

    verdicts: Counter[str] = field(default_factory=Counter)
    note: str = ""
    examples: list[Example] = field(default_factory=list)


class Report:
    """Write the audit's files, all or none; rows are written as they come.

    The examples of a rule are a random sample of its violations (reservoir sampling).
    """

    def __init__(self, out: Path, rules: dict[str, Rule], examples: int, seed: int) -> None:
        self.out, self.rules, self.examples = out, rules, examples
        self.accounts = {name: Account() for name in rules}
        self.random = random.Random(seed)
        self.stack = ExitStack()

    def __enter__(self) -> Report:
        path = self.out / "findings.csv"
        with ExitStack() as stack:
            try:
                partial = stack.enter_context(replacing(path))
                # File names need not be valid text.
                file = partial.open("w", encoding="utf-8", errors="backslashreplace", newline="")
            except OSError as error:
                raise UserError(f"{self.out}: {error.strerror}; give another --out") from error
            self.csv = csv.writer(stack.enter_context(file))
            self.csv.writerow(COLUMNS)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self.stack.__exit__(*error)

    def add(self, findings: Iterable[Finding], thumbnail: bytes = b"") -> None:
        """Write and count findings; ``thumbnail`` shows the picture they are about."""
        for f in findings:
            rule = self.rules[f.rule]
            value = self._text(f)
            row = (f.group, f.identity, f.path, f.rule, value, rule.limits, f.verdict, f.note)
            self.csv.writerow(map(safe_cell, row))
            account = self.accounts[f.rule]
            account.verdicts[f.verdict] += 1
            if f.verdict == "not checked":
                account.note = f"not checked: {f.note}"
            elif f.verdict == "violation":
                self._draw_example(account, f, value, thumbnail)

    def _draw_example(self, account: Account, f: Finding, value: str, thumbnail: bytes) -> None:
        slot = len(account.examples)
        if slot == self.examples:
            slot = self.random.randrange(account.verdicts["violation"])
            if slot >= self.examples:
                return
        about = f.path or "/".join(filter(None, (f.group, f.identity))) or "the whole set"
        picture = base64.b64encode(thumbnail).decode()
        account.examples[slot : slot + 1] = [Example(about, value, f.note, picture)]

    def _text(self, f: Finding) -> str:
        if isinstance(f.value, float):
            return f"{f.value:.{self.rules[f.rule].digits}f}"
        return "" if f.value is None else str(f.value)

    def summary(self) -> list[dict[str, Any]]:
        """Return a row per rule, with the columns of `SUMMARY`."""
        rows = []
        for name, rule in self.rules.items():
            account = self.accounts[name]
            violated = account.verdicts["violation"]
            checked = violated + account.verdicts["ok"]
            share = f"{violated / checked:.4f}" if checked else ""
            missing, note = account.verdicts["not measurable"], account.note
            values = (name, rule.subject, rule.limits, checked, violated, share, missing, note)
            rows.append(dict(zip(SUMMARY, values, strict=True)))
        return rows

    def finish(self, facts: dict[str, Any]) -> None:
        """Write the summary and the page; ``facts`` are the page's other values."""
        summary = self.summary()
        with replacing(self.out / "summary.csv") as path, path.open("w", newline="") as file:
            table = csv.DictWriter(file, SUMMARY)
            table.writeheader()
            table.writerows(summary)
        examples = {name: account.examples for name, account in self.accounts.items()}
        page = templates("psface.commands.audit.auditing").get_template("audit.html.j2").render(
            summary=summary, examples=examples, rules=self.rules, **facts
        )  # fmt: skip
        with replacing(self.out / "audit.html") as path:
            path.write_text(page, encoding="utf-8", errors="backslashreplace")
