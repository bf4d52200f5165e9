"""Every head against an independent plain-loop version of its paper's equations."""

import math
import warnings
from typing import get_args

import numpy as np
import pytest
import torch

from psface.registry import named
from psface.training.heads.base import add_angle
from psface.training.heads.head_params import (
    CurricularFaceParams,
    HeadsParams,
    MagFaceParams,
    MarginParams,
    TripletParams,
)
from psface.training.heads.heads import HEADS
from psface.training.heads.magface import MagFace, lambda_bound, margin
from psface.training.objective import build_head
from psface.training.train_params import TrainParams

PARAMS = MagFaceParams(
    scale=8.0,
    lower_magnitude=2.0,
    upper_magnitude=12.0,
    lower_margin=0.3,
    upper_margin=0.7,
    lambda_g=9.0,
)
SETTINGS = {
    "magface": PARAMS,
    "arcface": MarginParams(scale=8.0, margin=0.5),
    "cosface": MarginParams(scale=8.0, margin=0.35),
    "curricularface": CurricularFaceParams(scale=8.0, margin=0.5, alpha=0.2),
    "triplet": TripletParams(margin=0.3, sessions_per_person=4),
}
T = 0.15  # of CurricularFace, as if training had gone on for a while


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def angle_added(c, m):
    theta = math.acos(max(-1.0, min(1.0, c)))
    return math.cos(theta + m) if theta + m <= math.pi else c - m * math.sin(math.pi - m)


def magface_target(f, c, p):
    a = min(max(math.sqrt(sum(v * v for v in f)), p.lower_magnitude), p.upper_magnitude)
    share = (a - p.lower_magnitude) / (p.upper_magnitude - p.lower_magnitude)
    return angle_added(c, p.lower_margin + share * (p.upper_margin - p.lower_margin))


def plain_cosine_loss(name, embeddings, centres, labels, weights, p):
    """One row and one class at a time, with math alone."""
    total, weight_sum, regulariser = 0.0, 0.0, 0.0
    for f, y in zip(embeddings, labels, strict=True):
        cosines = [cosine(f, w) for w in centres]
        target = {
            "magface": lambda c: magface_target(f, c, p),  # noqa: B023
            "arcface": lambda c: angle_added(c, p.margin),
            "cosface": lambda c: c - p.margin,
            "curricularface": lambda c: angle_added(c, p.margin),
        }[name](cosines[y])
        logits = []
        for j, c in enumerate(cosines):
            if j == y:
                c = target
            elif name == "curricularface" and c > target:
                c = c * (T + c)
            logits.append(p.scale * c)
        top = max(logits)
        log_sum = top + math.log(sum(math.exp(v - top) for v in logits))
        total += weights[y] * (log_sum - logits[y])
        weight_sum += weights[y]
        if name == "magface":
            a = min(max(math.sqrt(sum(v * v for v in f)), p.lower_magnitude), p.upper_magnitude)
            regulariser += p.lambda_g * (1 / a + a / p.upper_magnitude**2) / len(labels)
    return total / weight_sum + regulariser


def plain_triplet_loss(embeddings, labels, weights, p):
    def distance(a, b):
        return math.sqrt(2 - 2 * cosine(a, b))

    total, weight_sum = 0.0, 0.0
    for i, f in enumerate(embeddings):
        others = [j for j in range(len(labels)) if j != i]
        positive = [distance(f, embeddings[j]) for j in others if labels[j] == labels[i]]
        negative = [distance(f, embeddings[j]) for j in others if labels[j] != labels[i]]
        if positive and negative:
            total += weights[labels[i]] * max(0.0, p.margin + max(positive) - min(negative))
            weight_sum += weights[labels[i]]
    return total / weight_sum


def plain_loss(name, embeddings, centres, labels, weights):
    if name == "triplet":
        return plain_triplet_loss(embeddings, labels, weights, SETTINGS[name])
    return plain_cosine_loss(name, embeddings, centres, labels, weights, SETTINGS[name])


@pytest.fixture
def batch():
    rng = np.random.default_rng(3)
    embeddings = rng.normal(size=(12, 5)) * rng.uniform(0.2, 6, size=(12, 1))
    labels = np.array([0, 1, 2, 1, 0, 0, 2, 1, 1, 2, 0, 3])  # the last is alone
    return embeddings, rng.normal(size=(4, 5)), labels, rng.uniform(0.5, 2, 4)


def build(name, centres, weights, dtype, params=None):
    """A head that is not training, so that a call leaves it as it is."""
    kind = named(HEADS[name])
    head = kind(centres.shape[1], torch.tensor(weights), params or SETTINGS[name]).to(dtype)
    if name != "triplet":
        head.centres.data = torch.tensor(centres, dtype=dtype)
    if name == "curricularface":
        head.t.fill_(T)
    return head.eval()


def test_all_are_registered_and_have_their_section(settings):
    known = get_args(TrainParams.model_fields["head"].annotation)
    assert set(HEADS) == set(known) == set(HeadsParams.model_fields) >= set(SETTINGS)
    for name in HEADS:
        head = build_head(settings.train.model_copy(update={"head": name}), 8, torch.ones(3))
        assert torch.isfinite(head(torch.randn(6, 8), torch.tensor([0, 0, 1, 1, 2, 2])))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-9)])
@pytest.mark.parametrize("name", SETTINGS)
def test_equals_the_plain_loop(batch, name, dtype, tolerance):
    embeddings, centres, labels, weights = batch
    head = build(name, centres, weights, dtype)
    loss = head(torch.tensor(embeddings, dtype=dtype), torch.tensor(labels))
    assert loss.item() == pytest.approx(
        plain_loss(name, embeddings, centres, labels, weights), rel=tolerance
    )


@pytest.mark.parametrize("name", SETTINGS)
def test_gradient(batch, name):
    embeddings, centres, labels, weights = batch
    head = build(name, centres, weights, torch.float64)
    inside = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True) * 5
    x, y = torch.tensor(inside, requires_grad=True), torch.tensor(labels)
    assert torch.autograd.gradcheck(lambda e: head(e, y), (x,))
    if name != "triplet":
        assert torch.autograd.gradcheck(
            lambda w: torch.func.functional_call(head, {"centres": w}, (x, y)),
            (head.centres.detach().clone().requires_grad_(),),
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("name", SETTINGS)
def test_finite_where_cosines_are_at_their_ends(name, sign, dtype):
    """Embeddings along their own centres, or against them; and equal to one another."""
    centres = np.eye(3)
    head = build(name, centres, np.ones(3), dtype)
    x = torch.tensor(sign * 5 * np.repeat(centres, 2, axis=0), dtype=dtype, requires_grad=True)
    loss = head(x, torch.arange(3).repeat_interleave(2))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(x.grad).all()
    if name != "triplet":
        assert torch.isfinite(head.centres.grad).all()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_step_downhill_brings_embeddings_to_their_people(batch, name):
    _, centres, labels, weights = batch
    torch.manual_seed(0)
    head = build(name, centres, weights, torch.float64).train()
    x = torch.randn(12, 5, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([x, *head.parameters()], lr=0.05)
    first = None
    for _ in range(300):
        loss = head(x, torch.tensor(labels))
        first = first or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5 * first
    unit = torch.nn.functional.normalize(x.detach())
    same = torch.tensor(labels)[:, None] == torch.tensor(labels)
    cosines = unit @ unit.T
    assert cosines[same].min() > cosines[~same].max()


def test_curricularface_follows_the_targets_while_training(batch):
    embeddings, centres, labels, weights = batch
    head = build("curricularface", centres, weights, torch.float64)
    x, y = torch.tensor(embeddings), torch.tensor(labels)
    head(x, y)
    assert head.t.item() == pytest.approx(T)
    head.train()(x, y)
    own = np.mean([cosine(f, centres[k]) for f, k in zip(embeddings, labels, strict=True)])
    assert head.t.item() == pytest.approx(0.2 * own + 0.8 * T)


def test_triplets_need_a_positive_and_a_negative():
    head = build("triplet", np.eye(3), np.ones(3), torch.float64)
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    for labels in ([0, 1, 2], [1, 1, 1]):
        loss = head(x, torch.tensor(labels))
        loss.backward()
        assert loss.item() == 0


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
    with pytest.warns(UserWarning, match="lambda_g=20 is below"):
        MagFace(4, torch.ones(2), paper)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MagFace(4, torch.ones(2), paper.model_copy(update={"lambda_g": 23.0}))


def test_above_the_bound_an_optimal_magnitude_lies_inside():
    """With a matching centre the best magnitude is neither the lower nor the upper limit."""
    params = PARAMS.model_copy(update={"lambda_g": 1.5 * lambda_bound(PARAMS)})
    centres = np.array([[1.0, 0.0], [0.0, 1.0]])
    head = build("magface", centres, np.ones(2), torch.float64, params)
    lengths = torch.linspace(2, 12, 400, dtype=torch.float64)
    direction = torch.tensor([math.cos(0.3), math.sin(0.3)], dtype=torch.float64)
    losses = [head((length * direction)[None], torch.tensor([0])).item() for length in lengths]
    assert 0 < int(np.argmin(losses)) < len(lengths) - 1
