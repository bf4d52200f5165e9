"""Load the templates of HTML pages."""

from __future__ import annotations

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

SHARED = "psface.report"


def templates(package: str) -> Environment:
    """The templates in a module's folder, and those that all pages share; a missing value is an
    error."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(package, "."), PackageLoader(SHARED, ".")]),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
