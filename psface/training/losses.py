"""Losses of the attribute tasks."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from psface.tasks import UNKNOWN


def focal_loss(logits: Tensor, labels: Tensor, weights: Tensor, gamma: float) -> Tensor:
    """Class-weighted focal loss (Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017).

    ``FL = -alpha_y (1 - p_y)^gamma log p_y`` (eq. 5), averaged over the labelled rows by their
    weights; zero if there are none.

    Parameters
    ----------
    logits : (B, C)
    labels : (B,) int64
        `UNKNOWN` rows are left out.
    weights : (C,)
        alpha.
    """
    known = labels != UNKNOWN
    labels = labels.clamp(min=0)
    log_p = functional.log_softmax(logits, dim=1).gather(1, labels[:, None]).squeeze(1)
    alpha = torch.where(known, weights[labels], 0.0)
    # At p = 1 the slope of (1 - p)^gamma is infinite for gamma < 1, and infinity times zero is NaN,
    # so 1 - p stops just short of zero.
    tiny = torch.finfo(log_p.dtype).tiny
    losses = -((-log_p.expm1()).clamp(min=tiny) ** gamma) * log_p
    return (alpha * losses).sum() / alpha.sum().clamp(min=tiny)


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """Inverse-frequency weights (classes,), with mean 1 over the labelled rows."""
    counts = torch.bincount(labels[labels != UNKNOWN], minlength=classes).float()
    present = (counts > 0).sum().clamp(min=1)
    return torch.where(counts > 0, counts.sum() / (present * counts.clamp(min=1)), 0.0)
