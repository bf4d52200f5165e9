"""The running average of a network's weights and statistics."""

from __future__ import annotations

import copy

import torch

from psface.model.network.multitask import Network


class RunningAverage:
    """The exponential moving average of a network's weights and statistics, begun at its first
    update (Polyak & Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992).

    As `torch.optim.swa_utils.AveragedModel`, which asks a GPU twice an update how many there were.

    Parameters
    ----------
    network : Network
    decay : float
        What an update leaves of the average before.

    Attributes
    ----------
    network : Network
        The average.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay
        self.begun = False
        pairs = list(
            zip(
                (*self.network.parameters(), *self.network.buffers()),
                (*network.parameters(), *network.buffers()),
                strict=True,
            )
        )
        self.averaged, self.current = zip(
            *(p for p in pairs if p[0].is_floating_point()), strict=True
        )
        self.counts = [p for p in pairs if not p[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the network as it is now."""
        torch._foreach_lerp_(self.averaged, self.current, 1 - self.decay if self.begun else 1.0)
        for own, other in self.counts:
            own.copy_(other)
        self.begun = True

    def state_dict(self) -> dict:
        """What a checkpoint keeps."""
        return {"network": self.network.state_dict(), "begun": self.begun}

    def load_state_dict(self, state: dict) -> None:
        """Go on from a checkpoint."""
        self.network.load_state_dict(state["network"])
        self.begun = state["begun"]
