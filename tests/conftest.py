"""What several rooms' tests share: the committed parameters, simulated captures, research data."""

from pathlib import Path

import pytest

from docs.made.parameters import Everything
from psface.captures.capture import Capture
from psface.config import load
from psface.simulate.recording import simulate_session
from psface.simulate.simulate_params import RigParams
from tests.written_captures import ingested

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The research data beside the project, which is no part of it."""
    if not SHARED.is_dir():
        pytest.skip("the research data are not at ../shared/data")
    return SHARED


@pytest.fixture(scope="session")
def settings() -> Everything:
    return load(Everything, ROOT / "params.yaml")


@pytest.fixture
def one_process(monkeypatch) -> None:
    """No pool for a handful of sessions: its start takes longer than they do."""
    monkeypatch.setattr("psface.parallel.available_cpus", lambda: 1)


@pytest.fixture(scope="session")
def simulated(settings, tmp_path_factory) -> Path:
    """Eight sessions of four people by the simulator's ideal rig, with their truth."""
    root = tmp_path_factory.mktemp("simulated")
    params = settings.simulate.model_copy(update={"rig": RigParams()})
    for person in range(4):
        for session in range(2):
            simulate_session(params, 5, root, (person, session))
    return root


@pytest.fixture(scope="session")
def simulated_captures(simulated, settings, tmp_path_factory) -> list[Capture]:
    out = tmp_path_factory.mktemp("sessions")
    params = settings.ingest.model_copy(update={"source": "photoface", "root": str(simulated)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("psface.parallel.available_cpus", lambda: 1)
        accepted, refused = ingested(params, 1, out)
    assert not refused
    return accepted
