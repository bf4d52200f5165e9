"""Pictures of simulated people, and data sets made of them."""

import cv2
import numpy as np
import pytest

from psface.commands.audit.degraded import portrait, taken


@pytest.fixture(scope="session")
def person(settings):
    """Somebody who looks at the camera: image (H, W, 3) float32 in [0, 1] and true landmarks."""
    return portrait(settings.simulate, 11, 0, yaw=0.0, pitch=0.0)


@pytest.fixture(scope="session")
def picture(person):
    """A picture of them that breaks no rule, (H, W, 3) uint8 RGB."""
    return taken(person.image, 1.5, np.random.default_rng(0))


@pytest.fixture
def lenient(settings):
    """The committed requirements, of a data set with as few pictures as a test has."""
    return settings.audit.model_copy(update={"min_pictures": 1})


@pytest.fixture
def save():
    def save(path, image):
        path.parent.mkdir(parents=True, exist_ok=True)
        bgr = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        path.write_bytes(cv2.imencode(path.suffix, bgr)[1].tobytes())
        return path

    return save
