"""The three-part loss of MTCNN with online hard example mining.

Zhang et al. (IEEE SPL 23(10), 2016), equations 1-4: cross entropy of face or none, squared error of
the box on faces and parts, squared error of the landmarks on faces that have them. Of the cross
entropies, only the largest `HARD` of a batch count.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

HARD = 0.7
# Equation 4's alpha: face or none, box, landmarks.
WEIGHTS = {
    "pnet": (1.0, 0.5, 0.5),
    "rnet": (1.0, 0.5, 0.5),
    "onet": (1.0, 0.5, 1.0),
}


def mtcnn_loss(
    out: dict[str, Tensor], face: Tensor, box: Tensor, landmarks: Tensor, name: str
) -> dict[str, Tensor]:
    """Losses by name and their weighed sum as ``total``.

    Parameters
    ----------
    out : dict of Tensor
        ``score`` (B, 2) logits, ``box`` (B, 4), and ``landmarks`` (B, 10) if the network has them.
    face : (B,) int
        1 a face, 0 none, -1 a part.
    box, landmarks : (B, 4), (B, 10)
        Landmarks are NaN where not known.
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
    weighed = [weight * loss for weight, loss in zip(WEIGHTS[name], losses.values(), strict=False)]
    return {**losses, "total": torch.stack(weighed).sum()}


def _squared(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean over samples of the sum of squares; zero without a sample."""
    return (found - wanted).square().sum() / max(1, len(found))
