"""Section ``compare`` of params.yaml."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator

from psface.captures.ingest_params import IngestParams
from psface.config import Section, Seed, Selection
from psface.tasks import Attributes


class CompareParams(Section):
    """The experiments to run and compare: settings by name, each run with every seed."""

    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    runs: Annotated[dict[str, list[str]], Field(min_length=1)]

    @field_validator("runs")
    @classmethod
    def _are_settings(cls, runs: dict[str, list[str]]) -> dict[str, list[str]]:
        for name, settings in runs.items():
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", name):
                raise ValueError(f"{name!r}: a name has letters, digits and hyphens only")
            for setting in settings:
                if "=" not in setting:
                    raise ValueError(f"{name}: {setting!r} is not a setting: write name=value")
        return runs


class Sections(Selection):
    """The sections of params.yaml that the comparison reads."""

    seed: Seed
    attributes: Attributes
    ingest: IngestParams
    compare: CompareParams
