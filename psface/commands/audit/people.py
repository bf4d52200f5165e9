"""Apply the rules about people and the whole set: pictures per person, groups, ages, ratios."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from psface.commands.audit.audit_params import AuditParams
from psface.commands.audit.data_set import Entry
from psface.commands.audit.rules import Finding, Rule, Verdict
from psface.user_tables import UserTable, read_user_table

GENDERS = {"male": "male", "m": "male", "female": "female", "f": "female"}
OLDEST = 130.0  # years


@dataclass
class Person:
    """A person's values in the table, and what is wrong with them."""

    gender: str = ""
    age: float | None = None
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Table:
    """The metadata table: its columns, and people by identity."""

    columns: tuple[str, ...]
    people: dict[str, Person]


def read_people(path: Path) -> Table:
    """Read the table of people: column ``identity`` and, if present, ``gender`` and ``age``.

    Raises
    ------
    UserError
        If it cannot be read or has no column ``identity``.
    """
    people: dict[str, Person] = {}
    table = read_user_table(path, ("identity",), ("gender", "age"))
    for row, line in zip(table.rows, table.lines, strict=True):
        _add(people, row, line, table)
    return Table(table.columns, people)


def _add(people: dict[str, Person], row: dict[str, str], line: int, table: UserTable) -> None:
    name = row["identity"]
    if not name:
        people.setdefault("", Person()).problems.append(f"line {line} has no identity")
        return
    if name in people:
        people[name].problems.append(f"line {line} repeats the identity")
        return
    person = people[name] = Person()
    gender, age = (row.get(column, "") for column in ("gender", "age"))
    if gender:
        person.gender = GENDERS.get(gender.lower(), "")
        if not person.gender:
            person.problems.append(f"gender {gender!r}: write male or female")
    if age:
        person.age = table.number(age)
        if person.age is None or not 0 <= person.age <= OLDEST:
            person.age = None
            person.problems.append(f"age {age!r}: write a number of years")


class Identities:
    """Count the readable pictures of each identity.

    Memory grows with the number of identities, not of pictures.
    """

    def __init__(self) -> None:
        self.pictures: Counter[tuple[str, str]] = Counter()

    def add(self, entry: Entry, readable: bool) -> None:
        """Count an identity's folder or one of its pictures."""
        if entry.identity:
            self.pictures[entry.group, entry.identity] += readable

    def findings(
        self, params: AuditParams, rules: dict[str, Rule], table: Table | None
    ) -> Iterator[Finding]:
        """Apply the rules about people; ``table`` is None if there is none."""
        groups: dict[str, list[str]] = {}
        for group, identity in self.pictures:
            groups.setdefault(identity, []).append(group)
        for (group, identity), count in self.pictures.items():
            yield _about(rules["pictures"].judge(count), group, identity)
        for identity, names in groups.items():
            note = f"in {' and '.join(names)}" if len(names) > 1 else ""
            yield _about(replace(rules["one_group"].judge(len(names)), note=note), "", identity)
        yield from self._metadata(groups, table)
        yield from self._ages(params, table)
        yield self._adult_share(params, rules["adult_share"])
        yield _male_share(groups, rules["male_share"], table)

    def _metadata(self, groups: dict[str, list[str]], table: Table | None) -> Iterator[Finding]:
        if table is None:
            yield Finding("metadata", "not checked", note="no metadata table given")
            return
        for identity, person in table.people.items():
            problems = list(person.problems)
            if identity and identity not in groups:
                problems.append("no such identity in the data set")
            verdict: Verdict = "violation" if problems else "ok"
            yield Finding("metadata", verdict, None, "; ".join(problems), identity=identity)

    def _ages(self, params: AuditParams, table: Table | None) -> Iterator[Finding]:
        if table is None or "age" not in table.columns:
            missing = "metadata table given" if table is None else "column age in the table"
            yield Finding("age", "not checked", note=f"no {missing}")
            return
        for group, identity in self.pictures:
            if not group:
                continue
            person = table.people.get(identity)
            if person is None or person.age is None:
                reason = "not in the table" if person is None else "no age in the table"
                yield Finding("age", "not measurable", None, reason, group, identity)
                continue
            correct = (person.age <= params.child_age) == (group == params.children)
            verdict: Verdict = "ok" if correct else "violation"
            yield Finding("age", verdict, person.age, "", group, identity)

    def _adult_share(self, params: AuditParams, rule: Rule) -> Finding:
        adults, children = (
            sum(group == name for group, _ in self.pictures)
            for name in (params.adults, params.children)
        )
        counts = f"{adults} {params.adults}, {children} {params.children}"
        if not adults + children:
            return rule.judge(None, "no identity in either group")
        return replace(rule.judge(adults / (adults + children)), note=counts)


def _male_share(groups: dict[str, list[str]], rule: Rule, table: Table | None) -> Finding:
    if table is None or "gender" not in table.columns:
        missing = "metadata table given" if table is None else "column gender in the table"
        return Finding(rule.name, "not checked", note=f"no {missing}")
    known = Counter(table.people[i].gender if i in table.people else "" for i in groups)
    counts = f"{known['male']} male, {known['female']} female, {known['']} unknown"
    people = known["male"] + known["female"]
    if not people:
        return rule.judge(None, counts)
    return replace(rule.judge(known["male"] / people), note=counts)


def _about(finding: Finding, group: str, identity: str) -> Finding:
    return replace(finding, group=group, identity=identity)
