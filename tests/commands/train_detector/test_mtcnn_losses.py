"""The three-part loss against plain loops."""

import math

import numpy as np
import pytest
import torch

from psface.commands.train_detector.mtcnn_loss import HARD, WEIGHTS, mtcnn_loss


def batch(count: int, dtype: torch.dtype):
    g = torch.Generator().manual_seed(count)
    out = {
        "score": torch.randn(count, 2, generator=g, dtype=dtype),
        "box": torch.randn(count, 4, generator=g, dtype=dtype),
        "landmarks": torch.randn(count, 10, generator=g, dtype=dtype),
    }
    face = torch.randint(-1, 2, (count,), generator=g)
    landmarks = torch.randn(count, 10, generator=g, dtype=dtype)
    landmarks[::4] = math.nan
    return out, face, torch.randn(count, 4, generator=g, dtype=dtype), landmarks


def plain(out, face, box, landmarks, name):
    entropies, boxes, points = [], [], []
    for i, kind in enumerate(face.tolist()):
        a, b = out["score"][i].tolist()
        if kind >= 0:
            entropies.append(math.log(math.exp(a) + math.exp(b)) - (b if kind == 1 else a))
        if kind != 0:
            boxes.append(
                sum((x - y) ** 2 for x, y in zip(out["box"][i], box[i], strict=True)).item()
            )
        if kind == 1 and not torch.isnan(landmarks[i]).any():
            pairs = zip(out["landmarks"][i], landmarks[i], strict=True)
            points.append(sum((x - y) ** 2 for x, y in pairs).item())
    hardest = sorted(entropies, reverse=True)[: max(1, int(HARD * len(entropies)))]
    parts = [np.mean(hardest), np.mean(boxes), np.mean(points)]
    return sum(w * p for w, p in zip(WEIGHTS[name], parts, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", WEIGHTS)
def test_against_plain_loops(name, dtype):
    given = batch(40, dtype)
    assert mtcnn_loss(*given, name)["total"].item() == pytest.approx(plain(*given, name), rel=1e-5)


def test_gradients():
    out, face, box, landmarks = batch(12, torch.float64)
    heads = {name: value.requires_grad_() for name, value in out.items()}

    def loss(*values):
        return mtcnn_loss(dict(zip(heads, values, strict=True)), face, box, landmarks, "onet")[
            "total"
        ]

    assert torch.autograd.gradcheck(loss, tuple(heads.values()))


def test_easy_examples_and_parts_do_not_pull_on_the_score():
    score = torch.tensor([[-9.0, 9.0], [9.0, -9.0], [2.0, -2.0], [0.0, 0.0]], requires_grad=True)
    face = torch.tensor([1, 0, 1, -1])  # right, right, wrong, a part
    out = {"score": score, "box": torch.zeros(4, 4)}
    losses = mtcnn_loss(out, face, torch.zeros(4, 4), torch.full((4, 10), math.nan), "rnet")
    losses["face"].backward()
    assert score.grad[2].abs().min() > 0.4
    assert (score.grad[3] == 0).all() and score.grad[:2].abs().max() < 1e-3
    assert "landmarks" not in losses


def test_a_batch_of_parts_alone_has_a_finite_loss():
    out, _, box, landmarks = batch(5, torch.float32)
    out = {name: value.requires_grad_() for name, value in out.items()}
    losses = mtcnn_loss(out, torch.full((5,), -1), box, landmarks, "onet")
    losses["total"].backward()
    assert losses["face"] == 0 and losses["landmarks"] == 0 and losses["total"].isfinite()
