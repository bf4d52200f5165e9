"""Names of the backbones."""

from __future__ import annotations

from typing import Literal

Backbone = Literal[
    "iresnet18", "iresnet34", "iresnet50", "iresnet101", "iresnet152",
    "ir18", "ir34", "ir50", "ir100", "irse50", "irse101", "irse152",
]  # fmt: skip
