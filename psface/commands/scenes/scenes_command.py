"""``psface scenes``: render annotated pictures of simulated people."""

from __future__ import annotations

from pathlib import Path

import click

from psface.commands.arguments import out_option
from psface.commands.scenes.scenes_params import ScenesParams
from psface.config import Seed, Selection, load
from psface.running import alone


class Sections(Selection):
    seed: Seed
    scenes: ScenesParams


@click.command(epilog="Example: psface scenes --out data/scenes")
@out_option("data/scenes", "Output folder; emptied first.")
def scenes(out: Path) -> None:
    """Render annotated pictures of simulated people, by section scenes of params.yaml.

    Exit status: 0; 1 if they cannot be written; 2 for wrong arguments.
    """
    from psface.commands.scenes.scene_set import scenes as render

    params = load(Sections)
    with alone("scenes"):
        faces = render(params.scenes, params.seed, out)
    print(f"scenes: {params.scenes.train + params.scenes.test} pictures of {faces} faces ({out})")
