"""A page in a browser without a display, as one without a network sees it."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--dump-dom",
    "--virtual-time-budget=20000",
)  # fmt: skip


def answer(page: Path, question: str, folder: Path) -> tuple[Any, list[str]]:
    """What JavaScript ``question``, the body of an async function, returns in a page; and what the
    page said on the console."""
    found = [path for name in NAMES if (path := shutil.which(name))]
    if not found:
        pytest.skip(f"no browser is installed ({', '.join(NAMES)})")
    asked = folder / "asked.html"
    # Virtual time, which ends as soon as nothing is left to wait for, does not wait for frames.
    frames = "<script>window.requestAnimationFrame = (draw) => setTimeout(draw, 0);</script></head>"
    script = f"""<script>addEventListener("load", async () => {{
      const told = document.createElement("pre");
      told.id = "told";
      try {{ told.textContent = JSON.stringify(await (async () => {{ {question} }})()); }}
      catch (error) {{ console.error(error.stack); }}
      document.body.append(told);
    }});</script></body>"""
    text = page.read_text(encoding="utf-8")
    text = text.replace("</head>", frames, 1)
    text = script.join(text.rsplit("</body>", 1))  # the last: scripts may speak of others
    asked.write_text(text, encoding="utf-8")
    command = [found[0], *OPTIONS, f"--user-data-dir={folder / 'browser'}", asked.as_uri()]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    console = [line for line in run.stderr.splitlines() if ":CONSOLE" in line]
    told = re.search(r'<pre id="told">(.*?)</pre>', run.stdout, re.DOTALL)
    assert told, f"no answer; {console or run.stderr[-2000:]}"
    return json.loads(unescape(told[1])), console
