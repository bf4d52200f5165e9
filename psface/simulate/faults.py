"""What goes wrong in a capture: a lamp that fails, frames out of order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from psface.simulate.simulate_params import RigParams
from psface.simulate.state import FAULTS, stream


@dataclass(frozen=True)
class Faults:
    """The faults of one capture.

    `lamps` is the lamp of each frame, `failed` the one that stayed dark, if any.
    """

    lamps: tuple[int, ...]
    failed: int | None


def draw_faults(rig: RigParams, seed: int, number: int, session: int, lamps: int) -> Faults:
    """Draw the faults of capture `session` of person `number`.

    A larger share of captures with a fault adds some, and leaves the others as they are.
    """
    rng = stream(seed, FAULTS, number, session)
    fails, is_shuffled = rng.random(2)
    failed = int(rng.integers(lamps))
    order = rng.permutation(lamps)
    while (order == np.arange(lamps)).all():
        order = rng.permutation(lamps)
    return Faults(
        lamps=tuple(order.tolist() if is_shuffled < rig.shuffled else range(lamps)),
        failed=failed if fails < rig.failed_lamp else None,
    )
