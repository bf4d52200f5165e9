"""The three-part loss of MTCNN with online hard example mining.

Zhang et al. (IEEE SPL 23(10), 2016), equations 1-4: cross entropy of face or none, squared error of
the box on faces and parts, squared error of the landmarks on faces that have them. Only the largest
cross entropies of a batch count, a share of `HARD`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

HARD = 0.7
# Alpha of equation 4: face or none, box, landmarks.
WEIGHTS = {
    "pnet": (1.0, 0.5, 0.5),
    "rnet": (1.0, 0.5, 0.5),
    "onet": (1.0, 0.5, 1.0),
}


def mtcnn_loss(
    out: dict[str, Tensor], face: Tensor, box: Tensor, landmarks: Tensor, name: str
) -> dict[str, Tensor]:
    """Return the losses by name, and their weighted sum as ``total``.

    Parameters
    ----------
    out : dict of Tensor
        ``score`` (B, 2) logits, ``box`` (B, 4), and ``landmarks`` (B, 10) if the network has them.
    face : (B,) int
        1 for a face, 0 for none, -1 for a part.
    box, landmarks : (B, 4), (B, 10)
        Landmarks are NaN where unknown.
    name : {"pnet", "rnet", "onet"}
    """
    classed = face >= 0
    each = functional.cross_entropy(out["score"][classed], face[classed].long(), reduction="none")
    hardest = max(1, int(HARD * len(each)))
    losses = {"face": each.topk(hardest).values.mean() if len(each) else out["score"].sum() * 0}
    boxed = face != 0
    losses["box"] = _squared(out["box"][boxed], box[boxed])
    if "landmarks" in out:
        known = (face == 1) & landmarks.isfinite().all(dim=1)
        losses["landmarks"] = _squared(out["landmarks"][known], landmarks[known])
    weighted = [weight * loss for weight, loss in zip(WEIGHTS[name], losses.values(), strict=False)]
    return {**losses, "total": torch.stack(weighted).sum()}


def _squared(predicted: Tensor, truth: Tensor) -> Tensor:
    """Return the mean over samples of summed squared errors; zero without samples."""
    return (predicted - truth).square().sum() / max(1, len(predicted))
