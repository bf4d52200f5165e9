"""Connect to a Dask scheduler that runs somewhere."""

from __future__ import annotations

import asyncio

from distributed import Client, Security
from distributed.comm.core import connect

from psface.errors import UserError

ANSWER = 10.0  # s, for a scheduler to answer


def connected(address: str) -> Client:
    """Return a client of the scheduler at an address, such as ``tcp://host:8786``.

    Raises
    ------
    UserError
        If none answers.
    """
    try:
        asyncio.run(_greeted(address))
        return Client(address, timeout=ANSWER)
    except (OSError, TypeError, ValueError) as error:  # a TypeError: no certificates
        reason = str(error) or f"not within {ANSWER:g} s"
        raise UserError(
            f"dask.address={address}: no scheduler answers ({reason}); start `dask scheduler` "
            "there, or set another address (params.yaml)"
        ) from None


async def _greeted(address: str) -> None:
    """Connect once: `Client` would wait forever for a server that says nothing."""
    security = Security().get_connection_args("client")
    comm = await asyncio.wait_for(connect(address, ANSWER, **security), ANSWER)
    await comm.close()
