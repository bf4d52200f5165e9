"""Where the templates of HTML pages come from, and how they are filled."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


def templates(package: str) -> Environment:
    """The templates that lie in a room's folder; a value that is missing is an error."""
    return Environment(
        loader=PackageLoader(package, "."),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
