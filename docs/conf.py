"""Sphinx's settings. `make docs` builds the pages; nothing in them is loaded from a network."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the project, whether installed or not

project = "psface"
author = "the psface authors"
project_copyright = "2026, the psface authors"
release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docs.made.extension"]
myst_enable_extensions = ["deflist", "dollarmath", "smartquotes"]
myst_heading_anchors = 3
exclude_patterns = ["made", "pictures/*.py"]
html_theme = "furo"
html_title = "psface"
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathml"  # what browsers draw by themselves
html_static_path = ["pages.css"]
html_css_files = ["pages.css"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say more: shapes and units
default_role = "code"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
# What other packages define is not looked up, which would take their servers.
nitpick_ignore_regex = [("py:.*", r"(?!psface).*")]
