"""Fine-tuning: frozen parts of the backbone, and lower learning rates nearer the input.

Early layers see edges and textures that a new set of faces shares with the old, so they need the
least change (Yosinski et al., "How transferable are features in deep neural networks?", NeurIPS
2014). Learning rates fall by a constant factor per part towards the input, as in Howard & Ruder,
"Universal Language Model Fine-tuning for Text Classification", ACL 2018, section 3.2.
"""

from __future__ import annotations

from torch import nn

from psface.model.network.multitask import Branch, Network
from psface.training.train_params import TrainParams


def freeze_parts(network: Network, count: int) -> None:
    """Freeze the first ``count`` of each backbone's five parts (stem, four stages).

    This includes their batch statistics, so call it again after each ``network.train()``.
    """
    for branch in network.branches:
        assert isinstance(branch, Branch)
        for part in branch.backbone.parts()[:count]:
            for module in part:
                module.requires_grad_(False).eval()


def parameter_groups(network: Network, objective: nn.Module, params: TrainParams) -> list[dict]:
    """Group the trainable weights for an optimiser, with weight decay and learning rate.

    Biases, PReLU slopes and normalisation are not decayed. The last stage of a backbone learns at
    ``params.layer_decay`` times the rate of the layers after it, each earlier part at
    ``params.layer_decay`` times the rate of the next.
    """
    rates: dict[int, float] = {}
    for branch in network.branches:
        assert isinstance(branch, Branch)
        parts = branch.backbone.parts()
        for depth, part in enumerate(parts):
            scale = params.layer_decay ** (len(parts) - depth)
            for module in part:
                rates |= {id(weight): scale for weight in module.parameters()}
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for decayed in (True, False):
        for weight in (*network.parameters(), *objective.parameters()):
            if weight.requires_grad and (weight.ndim > 1) == decayed:
                groups.setdefault((rates.get(id(weight), 1.0), decayed), []).append(weight)
    return [
        {
            "params": weights,
            "weight_decay": params.weight_decay if decayed else 0.0,
            "lr": params.learning_rate * scale,
        }
        for (scale, decayed), weights in groups.items()
    ]
