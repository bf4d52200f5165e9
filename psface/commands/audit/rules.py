"""The rules: what each requires, and whether a measured value meets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from psface.commands.audit.audit_params import AuditParams

Verdict = Literal["ok", "violation", "not measurable", "not checked"]


@dataclass(frozen=True)
class Finding:
    """What a rule says of a picture, of an identity or of the whole set.

    Attributes
    ----------
    rule : str
        Its name in `rules_of`.
    verdict : {"ok", "violation", "not measurable", "not checked"}
        Not measurable: something is in the way, the note says what. Not checked: nobody gave what
        the rule needs.
    value : float, str or None
    note : str
    group, identity, path : str
        What it is about; the empty string where it is about more than one.
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
    asks : str
        What of, in words.
    low, high : float or None
        Limits, which are allowed; None where there is none.
    unit : str
    digits : int
        With which the value is worth being written.
    wants : str
        In words, of a rule that is not about a number.
    """

    name: str
    asks: str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    digits: int = 0
    wants: str = ""

    @property
    def limits(self) -> str:
        if self.wants:
            return self.wants
        unit = f" {self.unit}" if self.unit else ""
        if self.low is None or self.high is None:
            sign, limit = ("<=", self.high) if self.low is None else (">=", self.low)
            return f"{sign} {limit:g}{unit}"
        if self.low == self.high:
            return f"{self.low:g}{unit}"
        return f"{self.low:g} to {self.high:g}{unit}"

    def judge(self, value: float | None, why_not: str = "") -> Finding:
        """The finding of a measured value, as far as it is written; of None, it could not be
        measured, for ``why_not``."""
        if value is None:
            return Finding(self.name, "not measurable", note=why_not)
        value = round(value, self.digits)
        under = self.low is not None and value < self.low
        over = self.high is not None and value > self.high
        return Finding(self.name, "violation" if under or over else "ok", value)


def rules_of(params: AuditParams) -> dict[str, Rule]:
    """All rules by name, in the order in which they are reported."""
    p = params
    groups = f"{p.adults} and {p.children}"
    rules = (
        Rule("groups", "the top folders", wants=groups),
        Rule("layout", "where files lie", wants=f"{p.adults} or {p.children}/identity/picture"),
        Rule("one_group", "groups that an identity is in", high=1),
        Rule("pictures", "readable pictures of an identity", low=p.min_pictures),
        Rule("metadata", "the table of people", wants="a readable row for each"),
        Rule("age", "of an identity, years", digits=1,
             wants=f"{p.adults} over {p.child_age:g}, {p.children} not"),
        _share("adult_share", f"of the identities are {p.adults}", p.adult_share, p.tolerance),
        _share("male_share", "of the people are male", p.male_share, p.tolerance),
        Rule("readable", "whether the picture can be read", wants="readable"),
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


def _share(name: str, asks: str, share: float, tolerance: float) -> Rule:
    # Rounded: 0.9 + 0.05 is a little under 0.95.
    low, high = (round(min(max(share + d, 0), 1), 6) for d in (-tolerance, tolerance))
    return Rule(name, asks, low, high, digits=3)
