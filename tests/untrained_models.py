"""Models that have learned nothing: enough to follow a face through them."""

from pathlib import Path

import torch

from psface.faces.modalities import Modality, maps_of
from psface.model.card import Card, save_model
from psface.model.scale import LIMIT, Scale
from stages.params import Params

CHANNELS = {"normalmap": 3, "frames": 4}


def untrained_card(settings: Params, modality: Modality, **crop: object) -> Card:
    """A small model's card; ``crop`` changes parameters of that section."""
    params = settings.crop.model_copy(update={"size": 48, **crop})
    maps = maps_of(modality)
    channels = [3 if m == "raw" and params.colour else CHANNELS.get(m, 1) for m in maps]
    total = sum(channels)
    return Card(
        modality=modality,
        fusion="late",
        maps=list(maps),
        channels=channels,
        side=params.size,
        limits=settings.ingest.limits,
        stereo=settings.stereo,
        crop=params,
        scale=Scale([0.0] * total, [0.3] * total, LIMIT),
        tasks={"gender": {"male": ["male"], "female": ["female"]}},
        backbone="iresnet18",
        attention=True,
        embedding=16,
        dropout=0.0,
    )


def save_untrained(folder: Path, card: Card) -> Card:
    """Random weights, whose batch statistics are of noise, so that faces are told apart."""
    torch.manual_seed(3)
    network = card.build().train()
    with torch.no_grad():
        for _ in range(8):
            network(torch.randn(16, sum(card.channels), card.side, card.side))
    return save_model(folder, network.eval(), card)
