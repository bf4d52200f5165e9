"""How the light of one lamp meets a surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Incidence:
    """Unit vectors (3,) or (3, H, W) to the lamp and halfway to the camera, and what arrives.

    `irradiance`, a number or (H, W), is that of a surface that faces the lamp.
    """

    direction: np.ndarray
    halfway: np.ndarray
    irradiance: np.ndarray | float


def along(vectors: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Scalar products of a vector (3,) or vectors (3, ...) with a field (3, ...)."""
    if vectors.ndim == 1:
        return np.tensordot(vectors, field, 1)
    return np.einsum("c...,c...->...", vectors, field)


def distant(light: np.ndarray) -> Incidence:
    """A distant lamp, a unit vector (3,), before an orthographic camera."""
    middle = light + np.array([0.0, 0.0, 1.0])
    middle = (middle / np.linalg.norm(middle)).astype(np.float32)
    return Incidence(light.astype(np.float32), middle, 1.0)
