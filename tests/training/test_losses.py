import math

import pytest
import torch

from psface.tasks import UNKNOWN
from psface.training.losses import class_weights, focal_loss


def plain_focal(logits, labels, weights, gamma):
    total = weight = 0.0
    for row, y in zip(logits, labels, strict=True):
        if y == UNKNOWN:
            continue
        p = math.exp(row[y]) / sum(math.exp(v) for v in row)
        total += weights[y] * -((1 - p) ** gamma) * math.log(p)
        weight += weights[y]
    return total / weight


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_focal_equals_the_plain_loop(gamma, dtype):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(9, 3, generator=generator, dtype=dtype)
    labels = torch.tensor([0, 1, 2, UNKNOWN, 2, 2, 1, UNKNOWN, 0])
    weights = torch.tensor([0.5, 2.0, 1.0], dtype=dtype)
    expected = plain_focal(logits.tolist(), labels.tolist(), weights.tolist(), gamma)
    assert focal_loss(logits, labels, weights, gamma).item() == pytest.approx(expected, rel=1e-5)


def test_focal_gradient():
    logits = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 2, UNKNOWN, 1, 1])
    weights = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: focal_loss(x, labels, weights, 2.0), (logits,))


def test_focal_without_a_label_is_zero_and_backpropagates():
    logits = torch.randn(3, 2, requires_grad=True)
    loss = focal_loss(logits, torch.full((3,), UNKNOWN), torch.ones(2), 2.0)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.abs().sum() == 0


def test_class_weights_even_out_the_classes():
    labels = torch.tensor([0] * 6 + [1] * 3 + [UNKNOWN] * 4)
    weights = class_weights(labels, 3)
    assert weights.tolist() == pytest.approx([0.75, 1.5, 0.0])
    assert weights[labels[labels != UNKNOWN]].mean().item() == pytest.approx(1.0)


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_focal_gradient_of_what_is_surely_right(gamma, dtype):
    logits = torch.tensor([[200.0, 0.0], [0.0, 3.0]], dtype=dtype, requires_grad=True)
    focal_loss(logits, torch.tensor([0, 1]), torch.ones(2, dtype=dtype), gamma).backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[0].abs().max() < 1e-20 and logits.grad[1].abs().max() > 0
