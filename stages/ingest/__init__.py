"""ingest: from folders of captures in any known layout to one table of usable sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from stages.errors import UserError
from stages.ingest.celeba import read_celeba
from stages.ingest.checks import check_session
from stages.ingest.folders import read_folders
from stages.ingest.manifest import read_manifest
from stages.ingest.photoface import read_photoface
from stages.ingest.recordio import read_recordio
from stages.ingest.yale import read_yale
from stages.parallel import map_sessions
from stages.params import IngestParams
from stages.session import Refusal, Session, write_refusals, write_sessions

Reader = Callable[[Path, IngestParams, int], Iterator[Session | Refusal]]
READERS: dict[str, Reader] = {
    "photoface": read_photoface,
    "yale": read_yale,
    "manifest": read_manifest,
    "folders": read_folders,
    "celeba": read_celeba,
    "recordio": read_recordio,
}


def ingest(
    params: IngestParams, seed: int, sessions_path: Path, rejected_path: Path
) -> tuple[list[Session], list[Refusal]]:
    """List and check the sessions under ``params.root``; write both tables.

    Raises
    ------
    UserError
        If the root is missing or holds no session that can be used.
    """
    root = Path(params.root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; set ingest.root in params.yaml")
    candidates = list(READERS[params.source](root, params, seed))
    readable = [c for c in candidates if isinstance(c, Session)]
    refusals = [c for c in candidates if isinstance(c, Refusal)]
    accepted: list[Session] = []
    for result in map_sessions(partial(check_session, params=params), readable, "ingest"):
        if isinstance(result, Session):
            accepted.append(result)
        else:
            refusals.append(result)
    if not candidates:
        raise UserError(
            f"{root}: no session in the {params.source} layout; "
            "check ingest.root and ingest.source in params.yaml"
        )
    refusals.sort(key=lambda r: (r.identity, r.session))
    write_refusals(rejected_path, refusals)
    if not accepted:
        first = refusals[0]
        raise UserError(
            f"{root}: none of {len(candidates)} sessions can be used, the first "
            f"({first.identity}/{first.session}) because {first.reason} "
            f"(all reasons: {rejected_path})"
        )
    accepted.sort(key=lambda s: (s.identity, s.session))
    write_sessions(sessions_path, accepted)
    return accepted, refusals
