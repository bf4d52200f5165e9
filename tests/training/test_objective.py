"""Which losses count, and how they are weighed."""

import math

import pytest
import torch

from psface.model.network.multitask import Network
from psface.training.objective import Objective, reversal_strength, stage_tasks
from tests.packed_faces import small_params

CLASSES = {"gender": 2, "spectacles": 2}


def build(**changes):
    params = small_params(
        **{
            "train.tasks": list(CLASSES),
            "train.task_weights": {"gender": 3.0, "spectacles": 0.5},
            **changes,
        }
    )
    torch.manual_seed(0)
    net = Network([1, 1], 32, CLASSES, params.train.embedding, 0.0)
    weights = {task: torch.ones(count) for task, count in CLASSES.items()}
    return net, Objective(params.train, 2, torch.ones(4), weights)


def losses(net, objective, active):
    x = torch.randn(8, 2, 32, 32, generator=torch.Generator().manual_seed(1))
    who = torch.arange(8) % 4
    return objective(net(x, 0.1), who, {task: who % 2 for task in CLASSES}, active)


def test_fixed_weights():
    net, objective = build()
    out = losses(net, objective, ["gender", "spectacles", "identity"])
    assert len(objective.heads) == 3  # the fused embedding and each branch's
    expected = out["identity"]
    for task, weight in {"gender": 3.0, "spectacles": 0.5}.items():
        expected = expected + weight * (out[task] + out[f"{task}_remainder"])
    assert out["total"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_only_active_losses_are_there():
    net, objective = build()
    assert losses(net, objective, ["gender"]).keys() == {"total", "gender", "gender_remainder"}
    assert losses(net, objective, ["identity"]).keys() == {"total", "identity"}


def test_uncertainty_settles_where_the_variance_is_twice_the_loss():
    """exp(-s) L + s / 2 is least at s = log(2 L)."""
    net, objective = build(**{"train.task_weighting": "uncertainty"})
    x = torch.randn(8, 2, 32, 32, generator=torch.Generator().manual_seed(1))
    who = torch.arange(8) % 4
    with torch.no_grad():
        embedded = net.eval()(x)
    optimizer = torch.optim.Adam(objective.log_variances.parameters(), lr=0.05)
    for _ in range(1500):
        out = objective(embedded, who, {task: who % 2 for task in CLASSES}, ["gender", "identity"])
        optimizer.zero_grad()
        out["total"].backward()
        optimizer.step()
    for task in ("gender", "identity"):
        learned = objective.log_variances[task].item()
        assert learned == pytest.approx(math.log(2 * out[task].item()), abs=0.01)
    assert objective.log_variances["spectacles"].item() == 0


def test_reversal_rises_as_ganins_schedule():
    assert reversal_strength(0.4, 0.0) == 0
    assert reversal_strength(0.4, 0.1) == pytest.approx(0.4 * (2 / (1 + math.exp(-1)) - 1))
    assert reversal_strength(0.4, 1.0) == pytest.approx(0.4, abs=1e-4)


def test_stages_follow_the_chain_and_end_with_identity():
    learned = [stage_tasks(["a", "b"], epoch, 7)[-1] for epoch in range(1, 8)]
    assert learned == ["a", "a", "a", "b", "b", "identity", "identity"]
    assert stage_tasks(["a", "b"], 5, 7) == ["a", "b"]
    assert stage_tasks([], 1, 2) == ["identity"]


def test_a_frozen_task_stays_as_it_is_while_the_backbone_learns():
    net, objective = build()
    net.freeze(["gender"])
    before = {name: value.clone() for name, value in net.named_parameters()}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses(net, objective, ["gender", "spectacles"])["total"].backward()
    optimizer.step()
    changed = {n for n, value in net.named_parameters() if not torch.equal(value, before[n])}
    assert not any("gender" in name for name in changed)
    assert any("attention.spectacles" in name for name in changed)
    assert any("backbone" in name for name in changed)
    net.freeze([])
    assert all(p.requires_grad for p in net.parameters())
