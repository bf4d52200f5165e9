"""The layouts of captures on disk, by their name in ``ingest.source``.

To add one, write a module with a function ``(root, params, seed)`` that yields every capture under
a folder, or its refusal, and add a line below. Its own parameters are a section of
`psface.captures.ingest_params.IngestParams`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psface.registry import named

if TYPE_CHECKING:
    from psface.captures.capture import Capture, Refusal

    Reader = Callable[[Path, Any, int], Iterator[Capture | Refusal]]

READERS = {
    "photoface": "psface.captures.layouts.photoface:read_photoface",
    "yale": "psface.captures.layouts.yale:read_yale",
    "manifest": "psface.captures.layouts.manifest:read_manifest",
    "folders": "psface.captures.layouts.identity_folders:read_folders",
    "celeba": "psface.captures.layouts.celeba:read_celeba",
    "recordio": "psface.captures.layouts.insightface:read_recordio",
}


def reader(source: str) -> Reader:
    """Return the function that reads a layout."""
    return named(READERS[source])
