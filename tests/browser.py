"""A page in a browser without a display, as one without a network sees it."""

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
    "--virtual-time-budget=20000",
)  # fmt: skip
NARROWEST = 500  # CSS px: of a window
PAPER = 703  # CSS px: the width of A4 without margins of 12 mm


def answer(
    page: Path,
    question: str,
    folder: Path,
    width: int = 800,
    dark: bool = False,
    on_paper: bool = False,
) -> tuple[Any, list[str]]:
    """What JavaScript ``question``, the body of an async function, returns in a page; and what the
    page said on the console.

    Parameters
    ----------
    width : int
        Of the window in CSS px.
    dark : bool
        Whether the reader prefers dark pages.
    on_paper : bool
        Lay the page out as it is printed, `PAPER` wide.
    """
    asked = folder / "asked.html"
    # Virtual time, which ends as soon as nothing is left to wait for, does not wait for frames.
    frames = "<script>window.requestAnimationFrame = (draw) => setTimeout(draw, 0);</script></head>"
    script = f"""<script>addEventListener("load", async () => {{
      const told = document.createElement("pre");
      told.id = "told";
      try {{ told.textContent = JSON.stringify(await (async () => {{ {question} }})()); }}
      catch (error) {{ console.error(error.stack); }}
      top.document.body.append(told);
    }});</script></body>"""
    text = page.read_text(encoding="utf-8")
    if on_paper:
        width, text = PAPER, text.replace("@media print", "@media screen")
    text = text.replace("</head>", frames, 1)
    text = script.join(text.rsplit("</body>", 1))  # the last: scripts may speak of others
    if width < NARROWEST:
        style = f"width: {width}px; height: 1000px; border: 0"
        text = f'<!doctype html><body><iframe style="{style}" srcdoc="{escape(text)}"></iframe>'
    asked.write_text(text, encoding="utf-8")
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    run = _browse(asked, folder, "--dump-dom", f"--window-size={width},1000", scheme)
    console = [line for line in run.stderr.splitlines() if ":CONSOLE" in line]
    told = re.search(r'<pre id="told">(.*?)</pre>', run.stdout, re.DOTALL)
    assert told, f"no answer; {console or run.stderr[-2000:]}"
    return json.loads(unescape(told[1])), console


def printed(page: Path, folder: Path) -> bytes:
    """The page as PDF."""
    pdf = folder / "page.pdf"
    _browse(page, folder, "--no-pdf-header-footer", f"--print-to-pdf={pdf}")
    return pdf.read_bytes()


def _browse(page: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    found = [path for name in NAMES if (path := shutil.which(name))]
    if not found:
        pytest.skip(f"no browser is installed ({', '.join(NAMES)})")
    profile = f"--user-data-dir={folder / 'browser'}"
    command = [found[0], *OPTIONS, profile, *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)
