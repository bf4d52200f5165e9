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
from stages.ingest.photoface import LIGHTS, people_folder, read_photoface
from stages.ingest.recordio import read_recordio
from stages.ingest.yale import read_yale
from stages.parallel import map_sessions
from stages.params import IngestParams
from stages.session import Refusal, Session, write_refusals, write_sessions
from stages.walking import folders_in

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
) -> tuple[int, int, list[Refusal]]:
    """List and check the sessions under ``params.root``; write both tables.

    Returns
    -------
    sessions, people : int
        How many can be used, and of how many people.
    refused : list of Refusal

    Raises
    ------
    UserError
        If the root is missing or holds no session that can be used.
    """
    root = Path(params.root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; set ingest.root in params.yaml")
    found = _unique(READERS[params.source](root, params, seed))
    checked = map_sessions(partial(check_session, limits=params), found, "ingest")
    sessions, people = 0, set()
    refused: list[Refusal] = []

    def accepted() -> Iterator[Session]:
        nonlocal sessions
        for result in checked:
            if isinstance(result, Session):
                sessions += 1
                people.add(result.identity)
                yield result
            else:
                refused.append(result)
        write_refusals(rejected_path, refused)
        if not sessions:
            raise _nothing(root, params.source, refused, rejected_path)

    write_sessions(sessions_path, accepted())
    return sessions, len(people), refused


def linked(root: Path) -> list[Path]:
    """People's and captures' folders that are links to folders elsewhere."""
    people = folders_in(root)
    captures = (path for person in people for path in folders_in(person))
    return [path for path in (*people, *captures) if path.is_symlink()]


def _unique(found: Iterator[Session | Refusal]) -> Iterator[Session | Refusal]:
    """Sessions of one name, as two Unicode forms of it on disk are, after the first: refused."""
    names: dict[str, Session] = {}
    for item in found:
        # Of plain letters there is one form: of millions of sessions, their names are not held.
        if isinstance(item, Session) and not item.name.isascii():
            first = names.setdefault(item.name, item)
            if first is not item:
                reason = (
                    f"{item.frames[0]}: its name, in another Unicode form, is that of "
                    f"{first.frames[0]}; rename one"
                )
                yield Refusal(item.identity, item.session, reason)
                continue
        yield item


def _nothing(root: Path, source: str, refused: list[Refusal], rejected_path: Path) -> UserError:
    lights = next(root.rglob(LIGHTS), None) if source == "photoface" else None
    where = f"; <person>/<session>/{LIGHTS} is wanted, there is {lights}" if lights else ""
    if not refused:
        return UserError(
            f"{root}: no session in the {source} layout{where}; "
            "check ingest.root and ingest.source in params.yaml"
        )
    # Only of captures that lie elsewhere is their place the reason.
    where = where if lights and lights.parent.parent.parent != people_folder(root) else ""
    first = refused[0]
    return UserError(
        f"{root}: none of {len(refused)} sessions can be used, the first "
        f"({first.identity}/{first.session}) because {first.reason} "
        f"(all reasons: {rejected_path}){where}"
    )
