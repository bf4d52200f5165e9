"""``psface audit``: check a data set against its requirements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from psface.commands.arguments import out_option
from psface.commands.audit.audit_params import AuditParams
from psface.config import Seed, Selection, load
from psface.errors import UserError
from psface.running import PATH, fail

if TYPE_CHECKING:
    from psface.commands.audit.auditing import Outcome

VIOLATIONS, NOT_AUDITED = 1, 2


class Sections(Selection):
    seed: Seed
    audit: AuditParams


@click.command(epilog="Example: psface audit data/pictures --out reports/audit")
@click.argument("root", required=False, type=PATH)
@out_option("reports/audit")
@click.option("--report", is_flag=True, help="Exit with 0 even if there are violations.")
@click.pass_context
def audit(context: click.Context, root: Path | None, out: Path, report: bool) -> None:
    """Check a data set, ROOT or audit.root, against section audit of params.yaml.

    Exit status: 0, no violations; 1, violations; 2, the data set could not be audited.
    """
    try:
        from psface.commands.audit.auditing import audit as audit_all

        params = load(Sections)
        outcome = audit_all(params.audit, root or Path(params.audit.root), out, params.seed)
    except UserError as error:
        fail(str(error), NOT_AUDITED)
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed; `pip install 'psface[pipeline]'`", NOT_AUDITED)
    except OSError as error:
        fail(f"{error.filename or out}: {error.strerror}", NOT_AUDITED)
    _print(outcome)
    print(f"audit: {outcome.violations} violations in {outcome.pictures} pictures ", end="")
    print(f"({out / 'audit.html'}, {out / 'findings.csv'})")
    if outcome.violations and not report:
        context.exit(VIOLATIONS)


def _print(outcome: Outcome) -> None:
    print(f"{'rule':14}{'required':42}{'checked':>9}{'violated':>9}{'not measurable':>16}")
    for row in outcome.summary:
        counts = f"{row['checked']:9}{row['violated']:9}{row['not_measurable']:16}"
        print(f"{row['rule']:14}{row['limits']:42}{row['note'] or counts}")
