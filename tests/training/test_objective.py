"""Which losses there are, and how they are weighed."""

import math

import pytest
import torch

from psface.model.network.multitask import Network
from psface.training.objective import Objective, reversal_strength
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
    net = Network(
        [1, 1], 32, CLASSES, params.train.embedding, 0.0, attention=params.train.attention
    )
    weights = {task: torch.ones(count) for task, count in CLASSES.items()}
    return net, Objective(params.train, 2, torch.ones(4), weights)


def losses(net, objective):
    x = torch.randn(8, 2, 32, 32, generator=torch.Generator().manual_seed(1))
    who = torch.arange(8) % 4
    return objective(net(x, 0.1), who, {task: who % 2 for task in CLASSES})


def test_fixed_weights():
    net, objective = build()
    out = losses(net, objective)
    assert len(objective.heads) == 3  # the fused embedding and each branch's
    expected = out["identity"]
    for task, weight in {"gender": 3.0, "spectacles": 0.5}.items():
        expected = expected + weight * (out[task] + out[f"{task}_remainder"])
    assert out["total"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_without_attention_nothing_is_left_to_an_adversary():
    assert losses(*build()).keys() == {
        "total", "identity",
        "gender", "gender_remainder", "spectacles", "spectacles_remainder",
    }  # fmt: skip
    plain = losses(*build(**{"train.attention": False}))
    assert plain.keys() == {"total", "identity", "gender", "spectacles"}


def test_reversal_rises_as_ganins_schedule():
    assert reversal_strength(0.4, 0.0) == 0
    assert reversal_strength(0.4, 0.1) == pytest.approx(0.4 * (2 / (1 + math.exp(-1)) - 1))
    assert reversal_strength(0.4, 1.0) == pytest.approx(0.4, abs=1e-4)
