"""``dvc plots show`` with the template that needs no network, in a browser that has none."""

import subprocess
import sys
from pathlib import Path

from psface.report.plots_page import write_plots_page
from tests.browser import answer

HARMLESS = (
    "The compiled spec uses Vega v5",  # of which version 6 draws all
    "WARN Infinite extent",  # of the points under the mouse, of which there are none yet
)
ROOT = Path(__file__).parents[2]


def test_plots_are_drawn_without_a_network(tmp_path):
    write_plots_page(tmp_path / ".dvc" / "plots.html")
    (tmp_path / ".dvc" / "config").write_text(
        "[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n"
        "[plots]\n    html_template = plots.html\n"
    )
    (tmp_path / "roc.csv").write_text("far,tar\n0.1,0.5\n0.2,0.8\n1,1\n")
    (tmp_path / "dvc.yaml").write_text("plots:\n  - ROC: {x: far, y: {roc.csv: tar}}\n")
    subprocess.run(
        [sys.executable, "-m", "dvc", "plots", "show"], cwd=tmp_path, check=True, timeout=120
    )
    page = tmp_path / "dvc_plots" / "index.html"
    asked = """
      for (let i = 0; i < 50 && !document.querySelector(".vega-embed canvas, .vega-embed svg"); i++)
        await new Promise((go) => setTimeout(go, 20));
      const drawn = document.querySelector(".vega-embed canvas, .vega-embed svg");
      const scripts = [...document.scripts].map((script) => script.src).filter(Boolean);
      return [drawn !== null && drawn.getBoundingClientRect().width, scripts];"""
    (width, scripts), console = answer(page, asked, tmp_path)
    said = [line for line in console if not any(words in line for words in HARMLESS)]
    assert width > 100 and scripts == [] and said == []


def test_make_setup_gives_dvc_the_template():
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "python -m psface.report.plots_page .dvc/plots.html" in make
    assert "dvc config --local plots.html_template plots.html" in make
    assert "/plots.html" in (ROOT / ".dvc" / ".gitignore").read_text(encoding="utf-8").split()
