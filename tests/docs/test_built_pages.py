"""The pages as they are built: strictly, and with nothing loaded from a network."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


def build(pages: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sphinx", "-q", "-E", "-W", "-n", "--keep-going"]
    command += ["-c", str(ROOT / "docs"), "-d", str(out / "trees"), str(pages), str(out / "pages")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("docs")
    run = build(ROOT / "docs", out)
    assert run.returncode == 0, run.stderr
    return out / "pages"


class Loads(HTMLParser):
    """Addresses that a page loads, rather than links to."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        found = dict(attrs)
        if tag in LOADED and found.get("rel") not in ("author", "canonical"):
            self.addresses.append(found.get(LOADED[tag]) or "")


def test_nothing_is_loaded_from_a_network(built):
    pages = list(built.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text(encoding="utf-8"))
        assert loads.addresses
        assert not [a for a in loads.addresses if re.match(r"(https?:)?//", a)], page
    for sheet in built.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", sheet.read_text()), sheet


def test_every_page_can_be_found(built):
    index = (built / "searchindex.js").read_text(encoding="utf-8")
    names = json.loads(index[index.index("(") + 1 : index.rindex(")")])["docnames"]
    written = {p.relative_to(ROOT / "docs").with_suffix("") for p in (ROOT / "docs").rglob("*.md")}
    assert {path.as_posix() for path in written} == set(names)


def test_the_reference_is_made_from_the_code(built):
    commands = (built / "reference" / "commands.html").read_text(encoding="utf-8")
    assert "psface measure training" in commands and "--settle" in commands
    parameters = (built / "reference" / "parameters.html").read_text(encoding="utf-8")
    assert "train.heads.magface.lambda_g" in parameters
    api = (built / "reference" / "api.html").read_text(encoding="utf-8")
    assert "psface.Verification.threshold_at" in api


def test_equations_are_drawn_by_the_browser(built):
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"' in (
        built / "how.html"
    ).read_text(encoding="utf-8")


def test_a_broken_link_is_an_error(tmp_path):
    pages = tmp_path / "source"
    pages.mkdir()
    links = "[a](nowhere.md) [b](index.md#of-nothing) {py:func}`psface.guess`"
    (pages / "index.md").write_text(f"# Title\n\n{links}\n")
    run = build(pages, tmp_path)
    assert run.returncode != 0
    for said in ("nowhere", "of-nothing", "psface.guess"):
        assert said in run.stderr
