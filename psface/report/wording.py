"""Numbers and lists as text, and sentences that say no more than the numbers do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

Row = Mapping
NONE = "-"


def number(value: float | int | None) -> str:
    """A number with three digits that count; a dash if there is none."""
    if value is None or pd.isna(value):
        return NONE
    if math.isinf(value):
        return "∞"
    whole = float(value).is_integer() and (isinstance(value, int) or abs(value) >= 10)
    return f"{int(value):,}" if whole else f"{value:.3g}"


def area(value: float | None) -> str:
    """An area under a curve with four decimals, of which rounding makes no 1.

    Examples
    --------
    >>> area(0.99296), area(0.99998), area(1.0)
    ('0.9930', '>0.9999', '1')
    """
    if value is None or pd.isna(value):
        return NONE
    if value == 1:
        return "1"
    return ">0.9999" if value > 0.99995 else f"{value:.4f}"


def with_interval(row: Row, name: str, errors: str | None = None) -> str:
    """A rate with its interval, or the bound where no error was seen: never a bare 0."""
    value, low, high = (row.get(key) for key in (name, *_ends(row, name)))
    if value is None or pd.isna(value):
        return NONE
    if value == 0 and not pd.isna(high):
        people = row.get(errors) if errors else None
        return f"0 seen, ≤ {number(high)}" + (f" ({number(people)} people)" if people else "")
    if value == 0:
        return "0 seen, no bound"
    return number(value) if pd.isna(low) else f"{number(value)} [{number(low)}, {number(high)}]"


def percent(share: float) -> str:
    """A share with three digits that count, of which rounding makes no 100.

    Examples
    --------
    >>> percent(0.98254), percent(0.99996), percent(1.0)
    ('98.3%', '>99.9%', '100%')
    """
    return ">99.9%" if 0.9995 <= share < 1 else f"{100 * share:.3g}%"


def area_with_interval(row: Row, name: str = "auc") -> str:
    """An area with its interval."""
    value, low, high = (row.get(key) for key in (name, *_ends(row, name)))
    return area(value) if pd.isna(low) else f"{area(value)} [{area(low)}, {area(high)}]"


def _ends(row: Row, name: str) -> tuple[str, str]:
    stem = name.removesuffix("_seen")
    return (f"{stem}_low", f"{stem}_high") if f"{stem}_low" in row else ("low", "high")


def text(value: object) -> str:
    """A cell as text."""
    return value if isinstance(value, str) else number(value)  # type: ignore[arg-type]


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def spoken(name: str) -> str:
    """The name of an attribute in words."""
    return name.replace("_", " ")


def counted(count: int, word: str, plural: str = "") -> str:
    """A count with its noun.

    Examples
    --------
    >>> counted(1, "capture"), counted(1200, "person", "people")
    ('1 capture', '1,200 people')
    """
    return f"{count:,} {word if count == 1 else plural or word + 's'}"


def differs(low: float, high: float) -> int:
    """What an interval of a difference tells: 1 if it lies above 0, -1 if below, 0 if it cannot.

    Examples
    --------
    >>> differs(0.1, 0.2), differs(-0.2, -0.1), differs(-0.1, 0.2), differs(math.nan, math.nan)
    (1, -1, 0, 0)
    """
    return int(low > 0) - int(high < 0)
