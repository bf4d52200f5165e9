"""What a page calls the captures that a run read."""

from __future__ import annotations

from pathlib import Path

from psface.captures.ingest_params import IngestParams


def data_set_name(ingest: IngestParams) -> str:
    """The name of their folder, unless they are simulated."""
    return "simulated faces" if ingest.is_simulated else Path(ingest.root).resolve().name
