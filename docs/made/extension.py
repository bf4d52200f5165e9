"""A small extension of Sphinx: pages written from the code, and equations without scripts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.utils.math import latex2mathml

from docs.made import commands, parameters

if TYPE_CHECKING:
    from sphinx.application import Sphinx

MADE = {"commands": commands.page, "parameters": parameters.page}
MARK = re.compile(r"^<!-- made: (\w+) -->$", re.MULTILINE)


def fill(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put in place of ``<!-- made: NAME -->`` what the code says."""
    source[0] = MARK.sub(lambda mark: MADE[mark[1]](), source[0])


def inline(self: Any, node: nodes.math) -> None:
    self.body.append(latex2mathml.tex2mathml(node.astext()))
    raise nodes.SkipNode


def block(self: Any, node: nodes.math_block) -> None:
    self.body.append(latex2mathml.tex2mathml(node.astext().strip(), as_block=True))
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", fill)
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
