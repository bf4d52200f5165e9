"""A data set against its requirements: python -m stages.audit [ROOT]"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stages.audit import Outcome, audit
from stages.errors import UserError
from stages.params import load_params

VIOLATIONS, NOT_AUDITED = 1, 2


def main() -> int:
    given = _parser().parse_args()
    try:
        params = load_params()
        root = given.root or Path(params.audit.root)
        outcome = audit(params.audit, root, given.out, params.seed)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return NOT_AUDITED
    _print(outcome)
    print(f"audit: {outcome.violations} violations in {outcome.pictures} pictures ", end="")
    print(f"({given.out / 'audit.html'}, {given.out / 'findings.csv'})")
    return VIOLATIONS if outcome.violations and not given.report else 0


def _print(outcome: Outcome) -> None:
    print(f"{'rule':14}{'wanted':42}{'checked':>9}{'violated':>9}{'not measurable':>16}")
    for row in outcome.summary:
        numbers = f"{row['checked']:9}{row['violated']:9}{row['not_measurable']:16}"
        print(f"{row['rule']:14}{row['limits']:42}{row['note'] or numbers}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stages.audit",
        description="Check a data set against the requirements in params.yaml, section audit.",
        epilog="Exit status: 0, nothing violates the requirements; 1, something does; 2, the data "
        "set could not be audited.",
    )
    parser.add_argument(
        "root", nargs="?", type=Path, metavar="ROOT", help="the data set; audit.root by default"
    )
    parser.add_argument("--out", type=Path, default=Path("reports/audit"), help="a folder")
    parser.add_argument(
        "--report", action="store_true", help="exit with 0 whatever the data set is like"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
