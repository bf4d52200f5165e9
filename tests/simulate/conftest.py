"""A small population for the simulator's tests."""

from dataclasses import replace

import numpy as np
import pytest

from psface.simulate.light import Conditions
from psface.simulate.recording import prepare_session
from psface.simulate.scene import Scene, build_scene
from psface.simulate.simulate_params import RigParams, SimulateParams
from psface.simulate.state import SessionState

SEED = 7


@pytest.fixture(scope="session")
def params() -> SimulateParams:
    return SimulateParams(
        identities=2,
        sessions=2,
        width=180,
        height=240,
        identity_variance=0.7,
        yaw_sd=10.0,
        motion=4.0,
        noise=1.5,
        redraw_hair=True,
    )


def look(params: SimulateParams, person: int = 0, **changes) -> tuple[Scene, SessionState]:
    """Scene of a man in the middle of the picture under a pure Lambertian rig."""
    sitter, state = prepare_session(params, SEED, person, 0)
    plain = replace(state.attributes, spectacles="no", facial_hair="none")
    calm = {
        "attributes": plain,
        "yaw": 0.0,
        "pitch": 0.0,
        "roll": 0.0,
        "position": (0.0, 0.0),
        "conditions": Conditions(),
        "shifts": np.zeros((4, 2)),
    }
    state = replace(state, **{**calm, **changes})
    rng, distance = np.random.default_rng(0), params.rig.camera_distance_mm
    scene = build_scene(sitter, state, params.width, params.height, rng, distance)
    return scene, state


def rigged(params: SimulateParams, **switches) -> SimulateParams:
    """The parameters with a rig that is not ideal."""
    return params.model_copy(update={"rig": RigParams(**switches)})
