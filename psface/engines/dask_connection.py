"""Connect to a Dask scheduler that runs somewhere."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

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
    except (OSError, TypeError, ValueError) as error:
        if isinstance(error, TypeError) and address.startswith("tls:"):  # no SSL context
            raise UserError(
                f"dask.address={address}: TLS takes certificates; name them in Dask's "
                "configuration (distributed.comm.tls)"
            ) from None
        reason = str(error) or f"not within {ANSWER:g} s"
        raise UserError(
            f"dask.address={address}: no scheduler answers ({reason}); start `dask scheduler` "
            "there, or set another address (params.yaml)"
        ) from None


async def _greeted(address: str) -> None:
    """Connect once: `Client` would wait forever for a server that says nothing."""
    place = urlsplit(address)  # a name that nobody knows is tried again until the time is up
    await asyncio.get_running_loop().getaddrinfo(place.hostname, place.port)
    security = Security().get_connection_args("client")
    comm = await asyncio.wait_for(connect(address, ANSWER, **security), ANSWER)
    await comm.close()
