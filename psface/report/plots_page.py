"""The page of ``dvc plots``, with its scripts inside, so that it needs no network.

DVC fills a template with the plots (``plots.html_template``), and by default with scripts from the
web.
"""

from __future__ import annotations

import sys
from pathlib import Path

from psface.files import replacing

VEGA_LITE = "5.21"  # DVC's plots are for version 5
SNIPPET = "window.vegaEmbed = vegaEmbed;"
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>DVC plots</title>
<link rel="icon" href="data:,">
{refresh_tag}
<style>
  body { margin: 1rem; background: #fff; color: #1d2328; font: 16px/1.5 system-ui, sans-serif; }
  img { max-width: 100%; height: auto; }
  table { border-spacing: 15px; }
</style>
</head>
<body>
<script>SCRIPTS</script>
{plot_divs}
</body>
</html>
"""


def write_plots_page(path: Path) -> None:
    """Write a template with Vega, Vega-Lite and Vega-Embed, about 0.9 MB, from vl-convert."""
    import vl_convert

    scripts = vl_convert.javascript_bundle(SNIPPET, VEGA_LITE).replace("</script", "<\\/script")
    with replacing(path) as partial:
        partial.write_text(PAGE.replace("SCRIPTS", scripts), encoding="utf-8")


if __name__ == "__main__":
    write_plots_page(Path(sys.argv[1]))
