"""Movements of a face in one capture, from its emotion label.

The ranges are half as wide again as would look natural, because fainter movements are
indistinguishable in a crop of 96 pixels.
"""

from dataclasses import dataclass, replace

import numpy as np

OTHER_EMOTIONS = ("surprise", "pucker", "skew", "closed", "puffed")
TOOTHY_SMILES = 0.55
LID_PER_SMILE = -0.15


@dataclass(frozen=True)
class Expression:
    """Movements of the face; all zero, and `lid` one, at rest.

    Attributes
    ----------
    smile : float
        -1 (corners down) to 1.65 (broad smile).
    opening : float
        Gap between the lips at the centre, mm.
    teeth : bool
        Whether an open mouth shows the upper teeth.
    frown : float
        Furrows between the brows, 0 to 1.5.
    press : float
        Lips pressed together, 0 to 0.9.
    brow, inner_brow : float
        Rise of the brows and of their inner ends, mm.
    lid : float
        Factor on the opening of the eyes.
    pucker, puff : float
        Rounded lips and blown cheeks, 0 to 1.5.
    skew : float
        Sideways shift of the mouth, mm.
    gaze : tuple of float
        Shift (x, y) of the irises, mm.
    """

    smile: float = 0.0
    opening: float = 0.0
    teeth: bool = False
    frown: float = 0.0
    press: float = 0.0
    brow: float = 0.0
    inner_brow: float = 0.0
    lid: float = 1.0
    pucker: float = 0.0
    puff: float = 0.0
    skew: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)


def _other(rng: np.random.Generator, rest: Expression) -> Expression:
    kind = OTHER_EMOTIONS[rng.integers(len(OTHER_EMOTIONS))]
    if kind == "surprise":
        opening, brow = rng.uniform(8, 18), rng.uniform(4, 9)
        return replace(rest, opening=opening, brow=brow, lid=1.25)
    if kind == "pucker":
        return replace(rest, pucker=rng.uniform(0.7, 1.5))
    if kind == "skew":
        return replace(rest, skew=rng.choice((-1, 1)) * rng.uniform(5, 10), smile=0.2)
    if kind == "closed":
        return replace(rest, lid=0.04)
    return replace(rest, puff=rng.uniform(0.8, 1.5), press=0.3)


def draw_expression(rng: np.random.Generator, emotion: str) -> Expression:
    """Draw the movements of a capture with the label `emotion`."""
    rest = Expression(
        smile=0.06 * rng.standard_normal(),
        brow=0.6 * rng.standard_normal(),
        lid=float(np.clip(1 + 0.06 * rng.standard_normal(), 0.85, 1.15)),
        gaze=tuple(0.5 * rng.standard_normal(2)),
    )
    if emotion == "positive":
        smile = rng.uniform(0.75, 1.65)
        opening = rng.uniform(3.5, 12) if rng.random() < TOOTHY_SMILES else 0.0
        lid = rest.lid + LID_PER_SMILE * smile
        return replace(rest, smile=smile, opening=opening, teeth=opening > 0, lid=lid)
    if emotion == "negative":
        return replace(
            rest,
            smile=-rng.uniform(0.45, 1.2),
            frown=rng.uniform(0.6, 1.5),
            press=rng.uniform(0, 0.9),
            brow=-rng.uniform(0.8, 4.5),
            inner_brow=rng.uniform(-1.5, 4.5),
            lid=0.85,
        )
    if emotion == "emoOther":
        return _other(rng, rest)
    return rest
