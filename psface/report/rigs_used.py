"""A picture of the rig that took most captures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from psface.captures.capture import Capture
from psface.files import replacing
from psface.report.plotting import plt
from psface.report.rig_picture import draw_rig
from psface.rig.rig import Lamp, Rig


def draw_rigs(captures: Iterable[Capture], path: Path) -> None:
    """Draw the rig of most captures, with its share in the title; pictures have none."""
    counts: Counter[bytes] = Counter()
    examples: dict[bytes, Rig] = {}
    for capture in captures:
        if not capture.is_picture:
            key = capture.lights.tobytes()
            counts[key] += 1
            examples.setdefault(key, _rig(capture))
    with replacing(path) as partial:
        if not counts:
            figure = plt.figure(figsize=(4, 1))
            figure.text(0.5, 0.5, "pictures without lights", ha="center", va="center")
            figure.savefig(partial, format="png")
            plt.close(figure)
            return
        key, count = counts.most_common(1)[0]
        others = f" of {len(counts)} rigs" if len(counts) > 1 else ""
        draw_rig(examples[key], partial, f"{count} of {counts.total()} captures{others}")


def _rig(capture: Capture) -> Rig:
    if capture.rig is not None and capture.rig.lamps:
        return capture.rig
    lengths = np.linalg.norm(capture.lights, axis=1)
    lamps = tuple(
        Lamp(name=str(number), direction=tuple(light / length), intensity=float(length))
        for number, (light, length) in enumerate(zip(capture.lights, lengths, strict=True))
    )
    return Rig(lamps=lamps)
