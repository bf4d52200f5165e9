"""What THIRD_PARTY.md says, and what is under version control."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "THIRD_PARTY.md"


def tracked() -> list[Path]:
    """All files under version control that exist, from the project's folder."""
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [Path(name) for name in listed.split("\0") if name]
    return [path for path in paths if (ROOT / path).exists()]


def rows(section: str) -> list[list[str]]:
    """The cells of all rows of the tables in a section, whose title begins so."""
    text = PAGE.read_text(encoding="utf-8")
    [body] = re.findall(rf"^## {re.escape(section)}.*?\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    lines = [line for line in body.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not set(row[0]) <= {"-"} and row[0] not in HEADS]


HEADS = ("file", "package", "detector", "checkpoint")


def files_of_others(section: str) -> set[str]:
    """The files that the first column of a section's table names."""
    return {name for row in rows(section) for name in re.findall(r"`([^`]+)`", row[0])}
