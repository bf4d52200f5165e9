"""The README and the pages of the documentation, and what is written in them as code."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"sh", "python", "yaml", "text"}


@dataclass(frozen=True)
class Code:
    """A block, whose ``kind`` is its language, or a span in the text, of kind ``span``."""

    page: Path
    line: int
    kind: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def code_of(page: Path, text: str) -> Iterator[Code]:
    """All code of a page in order."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        line = (token.map or [0])[0] + 1
        if token.type == "fence":
            yield Code(page, line, token.info, token.content)
        elif token.type == "code_block":
            yield Code(page, line, "text", token.content)
        for child in token.children or []:
            if child.type == "code_inline":
                yield Code(page, line, "span", child.content)


def every(kind: str) -> list[Code]:
    """All code of one kind in all pages."""
    found = (code_of(page, page.read_text(encoding="utf-8")) for page in PAGES)
    return [code for codes in found for code in codes if code.kind == kind]
