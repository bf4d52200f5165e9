"""The rules: what each requires, and whether a measured value meets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psface.commands.audit.audit_params import AuditParams

Verdict = Literal["ok", "violation", "not measurable", "not checked"]


@dataclass(frozen=True)
class Finding:
    """Verdict of a rule on a picture, an identity or the whole set.

    Attributes
    ----------
    rule : str
        Name of the rule in `rules_of`.
    verdict : {"ok", "violation", "not measurable", "not checked"}
        Not measurable: something prevented it, as the note says. Not checked: what the rule needs
        was not given.
    value : float, str or None
    note : str
    group, identity, path : str
        What it is about; empty where it is about more than one.
    """

    rule: str
    verdict: Verdict
    value: float | str | None = None
    note: str = ""
    group: str = ""
    identity: str = ""
    path: str = ""


@dataclass(frozen=True)
class Rule:
    """A requirement.

    Attributes
    ----------
    name : str
    subject : str
        What is measured, in words.
    low, high : float or None
        Inclusive limits; None where there is none.
    unit : str
    digits : int
        Decimals to which the value is rounded.
    requirement : str
        In words, for a rule that is not about a number.
    """

    name: str
    subject: str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    digits: int = 0
    requirement: str = ""

    @property
    def limits(self) -> str:
        if self.requirement:
            return self.requirement
        unit = f" {self.unit}" if self.unit else ""
        if self.low is None or self.high is None:
            sign, limit = ("<=", self.high) if self.low is None else (">=", self.low)
            return f"{sign} {limit:g}{unit}"
        if self.low == self.high:
            return f"{self.low:g}{unit}"
        return f"{self.low:g} to {self.high:g}{unit}"

    def judge(self, value: float | None, reason: str = "") -> Finding:
        """Judge a value as rounded; None could not be measured, for the given ``reason``."""
        if value is None:
            return Finding(self.name, "not measurable", note=reason)
        value = round(value, self.digits)
        under = self.low is not None and value < self.low
        over = self.high is not None and value > self.high
        return Finding(self.name, "violation" if under or over else "ok", value)


def rules_of(params: AuditParams) -> dict[str, Rule]:
    """Return all rules by name, in the order of the report."""
    p = params
    groups = f"{p.adults} and {p.children}"
    rules = (
        Rule("groups", "top folders", requirement=groups),
        Rule("layout", "location of files",
             requirement=f"{p.adults} or {p.children}/identity/picture"),
        Rule("one_group", "groups per identity", high=1),
        Rule("pictures", "readable pictures per identity", low=p.min_pictures),
        Rule("metadata", "table of people", requirement="valid rows"),
        Rule("age", "of an identity, years", digits=1,
             requirement=f"{p.adults} over {p.child_age:g}, {p.children} not"),
        _share("adult_share", f"{p.adults} among the identities", p.adult_share, p.tolerance),
        _share("male_share", "males among the people", p.male_share, p.tolerance),
        Rule("readable", "the picture file", requirement="readable"),
        Rule("shorter_side", "of the picture", low=p.min_side, unit="px"),
        Rule("longer_side", "of the picture", high=p.max_side, unit="px"),
        Rule("aspect", "height over width", p.min_aspect, p.max_aspect, digits=3),
        Rule("faces", "found in the picture", 1, 1),
        Rule("face_size", "shorter side of the face", low=p.min_face, unit="px"),
        Rule("face_share", "of the picture's area", p.min_face_share, p.max_face_share, digits=3),
        Rule("yaw", "of the head", -p.max_yaw, p.max_yaw, "degrees", 1),
        Rule("pitch", "of the head", -p.max_pitch, p.max_pitch, "degrees", 1),
        Rule("brightness", "median of the face", p.min_brightness, p.max_brightness, digits=3),
        Rule("contrast", "of the face", p.min_contrast, p.max_contrast, digits=3),
        Rule("colour", "mean chroma of the face", low=p.min_colour, digits=1),
        Rule("blur", "of the face at 112 px", high=p.max_blur, unit="px", digits=2),
        Rule("pattern", "of a print or a screen", high=p.max_pattern, unit="dB", digits=1),
        Rule("spectacles", "probability, by the model", high=0.5, digits=3),
        Rule("mask", "probability, by the model", high=0.5, digits=3),
    )  # fmt: skip
    return {rule.name: rule for rule in rules}


def _share(name: str, subject: str, share: float, tolerance: float) -> Rule:
    # Rounded: 0.9 + 0.05 is a little under 0.95.
    low, high = (round(min(max(share + d, 0), 1), 6) for d in (-tolerance, tolerance))
    return Rule(name, subject, low, high, digits=3)
