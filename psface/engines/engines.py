"""The engines by name, and the choice of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from psface.engines.engine_params import EngineParams
from psface.errors import UserError
from psface.parallel import using
from psface.registry import named

# Classes made with `EngineParams`: their instances are a `psface.parallel.Engine` with ``close``.
ENGINES = {
    "dask": "psface.engines.dask_engine:DaskEngine",
    "slurm": "psface.engines.slurm_engine:SlurmEngine",
}
VARIABLE = "PSFACE_ENGINE"  # for one run


@contextmanager
def computing_on(params: EngineParams) -> Iterator[None]:
    """Let `psface.parallel.map_in_processes` use the chosen engine within the block.

    Nothing starts before there is work. The environment variable ``PSFACE_ENGINE`` goes before
    ``params.engine``: where a run happens is no part of an experiment, which params.yaml records.

    Raises
    ------
    UserError
        If the engine is unknown or not installed.
    """
    engine = made(params)
    if engine is None:
        yield
        return
    with closing(engine), using(engine):
        yield


def made(params: EngineParams) -> Any:
    """The chosen engine; None for this machine's own processes."""
    name = os.environ.get(VARIABLE) or params.engine
    if name == "local":
        return None
    if name not in ENGINES:
        allowed = ", ".join(["local", *ENGINES])
        raise UserError(f"{VARIABLE}={name} is unknown: use one of {allowed}")
    try:
        return named(ENGINES[name])(params)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "psface":
            raise
        raise UserError(
            f"engine={name}: the package {error.name} is not installed; `pip install "
            f"'psface[{name}]'`, or set engine to local (params.yaml)"
        ) from None
