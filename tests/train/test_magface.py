"""MagFace against an independent plain-loop version of the paper's equations."""

import math
import warnings

import numpy as np
import pytest
import torch

from stages.params import MagFaceParams
from stages.train.heads.magface import MagFace, add_angle, lambda_bound, margin

PARAMS = MagFaceParams(
    scale=8.0,
    lower_magnitude=2.0,
    upper_magnitude=12.0,
    lower_margin=0.3,
    upper_margin=0.7,
    lambda_g=9.0,
)


def plain_loss(embeddings, centres, labels, weights, p):
    """One row and one class at a time, with math alone."""
    total, weight_sum, regulariser = 0.0, 0.0, 0.0
    for f, y in zip(embeddings, labels, strict=True):
        length = math.sqrt(sum(v * v for v in f))
        a = min(max(length, p.lower_magnitude), p.upper_magnitude)
        share = (a - p.lower_magnitude) / (p.upper_magnitude - p.lower_magnitude)
        m = p.lower_margin + share * (p.upper_margin - p.lower_margin)
        logits = []
        for j, w in enumerate(centres):
            norm = math.sqrt(sum(v * v for v in w))
            cosine = sum(x * v for x, v in zip(f, w, strict=True)) / (length * norm)
            if j == y:
                theta = math.acos(max(-1.0, min(1.0, cosine)))
                if theta + m <= math.pi:
                    cosine = math.cos(theta + m)
                else:
                    cosine -= m * math.sin(math.pi - m)
            logits.append(p.scale * cosine)
        top = max(logits)
        log_sum = top + math.log(sum(math.exp(v - top) for v in logits))
        total += weights[y] * (log_sum - logits[y])
        weight_sum += weights[y]
        regulariser += 1 / a + a / p.upper_magnitude**2
    return total / weight_sum + p.lambda_g * regulariser / len(labels)


@pytest.fixture
def batch():
    rng = np.random.default_rng(3)
    embeddings = rng.normal(size=(12, 5)) * rng.uniform(0.2, 6, size=(12, 1))
    return embeddings, rng.normal(size=(4, 5)), rng.integers(0, 4, 12), rng.uniform(0.5, 2, 4)


def build(centres, weights, dtype, params=PARAMS):
    head = MagFace(centres.shape[1], torch.tensor(weights), params).to(dtype)
    head.centres.data = torch.tensor(centres, dtype=dtype)
    return head


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-9)])
def test_equals_the_plain_loop(batch, dtype, tolerance):
    embeddings, centres, labels, weights = batch
    head = build(centres, weights, dtype)
    loss, magnitudes = head(torch.tensor(embeddings, dtype=dtype), torch.tensor(labels))
    expected = plain_loss(embeddings, centres, labels, weights, PARAMS)
    assert loss.item() == pytest.approx(expected, rel=tolerance)
    assert magnitudes.numpy() == pytest.approx(np.linalg.norm(embeddings, axis=1), rel=1e-5)


def test_gradient(batch):
    embeddings, centres, labels, weights = batch
    head = build(centres, weights, torch.float64)
    inside = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True) * 5
    x = torch.tensor(inside, requires_grad=True)
    assert torch.autograd.gradcheck(lambda e: head(e, torch.tensor(labels))[0], (x,))
    assert torch.autograd.gradcheck(
        lambda w: torch.func.functional_call(head, {"centres": w}, (x, torch.tensor(labels)))[0],
        (head.centres.detach().clone().requires_grad_(),),
    )


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_finite_where_embedding_and_centre_are_parallel(sign):
    centres = np.eye(3)
    head = build(centres, np.ones(3), torch.float32)
    x = torch.tensor(sign * centres * 5, dtype=torch.float32, requires_grad=True)
    loss, _ = head(x, torch.arange(3))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(head.centres.grad).all()


def test_add_angle_never_rises_and_has_no_jump():
    theta = torch.linspace(0.01, math.pi - 0.01, 2000, dtype=torch.float64)
    turned = add_angle(theta.cos(), torch.full_like(theta, 0.6))
    assert (turned.diff() <= 1e-9).all()
    assert turned == pytest.approx(
        torch.where(theta < math.pi - 0.6, (theta + 0.6).cos(), turned), abs=1e-9
    )


def test_margin_is_linear_between_its_bounds():
    values = margin(torch.tensor([2.0, 7.0, 12.0]), PARAMS)
    assert values.tolist() == pytest.approx([0.3, 0.5, 0.7])


def test_bound_of_the_paper_and_its_warning():
    # s = 64, magnitudes 10 to 110, margins 0.45 to 0.8: the setting of the public attempt.
    paper = MagFaceParams(
        scale=64.0,
        lower_magnitude=10.0,
        upper_magnitude=110.0,
        lower_margin=0.45,
        upper_margin=0.8,
        lambda_g=20.0,
    )
    assert lambda_bound(paper) == pytest.approx(22.6, abs=0.05)
    with pytest.warns(UserWarning, match="lambda_g=20 is under"):
        MagFace(4, torch.ones(2), paper)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MagFace(4, torch.ones(2), paper.model_copy(update={"lambda_g": 23.0}))


def test_above_the_bound_an_optimal_magnitude_lies_inside():
    """With a matching centre the best magnitude is neither the lower nor the upper limit."""
    params = PARAMS.model_copy(update={"lambda_g": 1.5 * lambda_bound(PARAMS)})
    centres = np.array([[1.0, 0.0], [0.0, 1.0]])
    head = build(centres, np.ones(2), torch.float64, params)
    lengths = torch.linspace(2, 12, 400, dtype=torch.float64)
    direction = torch.tensor([math.cos(0.3), math.sin(0.3)], dtype=torch.float64)
    losses = [head((length * direction)[None], torch.tensor([0]))[0].item() for length in lengths]
    assert 0 < int(np.argmin(losses)) < len(lengths) - 1
