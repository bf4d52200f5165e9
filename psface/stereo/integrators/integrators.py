"""Integrators from normals to depth, by their name in ``stereo.integrator``.

To add one, write a module with a function ``(normal, mask)`` like `frankot_chellappa` and add its
line below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from psface.registry import named

if TYPE_CHECKING:
    import numpy as np

    Integrator = Callable[[np.ndarray, np.ndarray], np.ndarray]

INTEGRATORS = {
    "frankot-chellappa": "psface.stereo.integrators.frankot_chellappa:frankot_chellappa",
    "least-squares": "psface.stereo.integrators.least_squares:least_squares",
}


def integrator(name: str) -> Integrator:
    """Return the function that integrates normals to depth."""
    return named(INTEGRATORS[name])
