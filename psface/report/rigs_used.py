"""A picture of the rig that took most captures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from psface.captures.capture import Capture
from psface.files import digest_of, replacing
from psface.fingerprint import code_digest
from psface.report.drawn_before import DRAWN_FROM, shows
from psface.rig.rig import Lamp, Rig


def draw_rigs(captures: Iterable[Capture], path: Path) -> None:
    """Draw the rig of most captures, with its share in the title; pictures have none.

    A picture that shows this already is left as it is.
    """
    counts: Counter[bytes] = Counter()
    examples: dict[bytes, Rig] = {}
    for capture in captures:
        if not capture.is_picture:
            key = capture.lights.tobytes()
            counts[key] += 1
            examples.setdefault(key, _rig(capture))
    commonest = counts.most_common(1)
    rig = examples[commonest[0][0]] if commonest else None
    share = _share(counts)
    drawn_from = digest_of(rig.text() if rig else "", share, code_digest("psface.report.rigs_used"))
    if shows(path, drawn_from):
        return
    with replacing(path) as partial:
        _draw(rig, share, partial, {DRAWN_FROM: drawn_from})


def _share(counts: Counter[bytes]) -> str:
    """Share of the commonest rig, in words that one more capture seldom changes."""
    if len(counts) < 2:
        return "all captures"
    [(_, count)] = counts.most_common(1)
    return f"{100 * count // counts.total()}% of the captures; {len(counts)} rigs"


def _draw(rig: Rig | None, share: str, path: Path, noted: dict[str, str]) -> None:
    # Matplotlib takes longer to load than a capture to compute.
    from psface.report.plotting import plt
    from psface.report.rig_picture import draw_rig

    if rig is not None:
        draw_rig(rig, path, share, noted)
        return
    figure = plt.figure(figsize=(4, 1))
    figure.text(0.5, 0.5, "pictures without lights", ha="center", va="center")
    figure.savefig(path, format="png", metadata=noted)
    plt.close(figure)


def _rig(capture: Capture) -> Rig:
    if capture.rig is not None and capture.rig.lamps:
        return capture.rig
    lengths = np.linalg.norm(capture.lights, axis=1)
    lamps = tuple(
        Lamp(name=str(number), direction=tuple(light / length), intensity=float(length))
        for number, (light, length) in enumerate(zip(capture.lights, lengths, strict=True))
    )
    return Rig(lamps=lamps)
