"""The backbones of a network's branches, by the name that ``train.backbone`` gives them.

To add one: a module with a class built from ``(name, channels)`` that has ``out_channels``,
``stride`` and ``parts()`` as `psface.model.network.iresnet.IResNet` has, and its line below.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from psface.registry import named

if TYPE_CHECKING:
    from psface.model.network.ir import IR, IRSE
    from psface.model.network.iresnet import IResNet

_IRESNET = "psface.model.network.iresnet:IResNet"
_IR = "psface.model.network.ir:IR"
_IRSE = "psface.model.network.ir:IRSE"
BACKBONES = {
    **dict.fromkeys(("iresnet18", "iresnet34", "iresnet50", "iresnet101", "iresnet152"), _IRESNET),
    **dict.fromkeys(("ir18-slim", "ir18", "ir34", "ir50", "ir100"), _IR),
    **dict.fromkeys(("irse50", "irse101", "irse152"), _IRSE),
}


def build_backbone(name: str, channels: int) -> IResNet | IR | IRSE:
    """Build a backbone for so many input channels, with fresh weights."""
    return named(BACKBONES[name])(name, channels)


def cells_along(backbone: IResNet | IR | IRSE, side: int) -> int:
    """Cells along a side of the features of a crop (C, side, side)."""
    return math.ceil(side / backbone.stride)
