"""The metrics that the documentation describes."""

import re
from collections.abc import Iterable
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "metrics.md"


def undescribed(names: Iterable[str]) -> list[str]:
    """Those of some metrics that are in no first column of the page's tables."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    known = [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]
    patterns = [re.escape(name).replace("<attribute>", r"\w+") for name in known]
    return [name for name in names if not any(re.fullmatch(p, name) for p in patterns)]
