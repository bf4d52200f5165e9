"""What stays frozen, and what learns how quickly."""

from pathlib import Path

import pytest
import torch

from psface.errors import UserError
from psface.model.network.backbones import build_backbone
from psface.model.network.multitask import Network
from psface.training.finetune import freeze_parts, parameter_groups
from stages.params import load_params
from tests.packed_faces import small_params


@pytest.mark.parametrize("backbone", ["iresnet18", "iresnet50", "ir18", "irse50"])
def test_the_parts_of_a_backbone_are_all_of_it_in_order(backbone):
    network = build_backbone(backbone, 1).eval()
    parts = network.parts()
    assert len(parts) == 5
    found = [id(w) for part in parts for module in part for w in module.parameters()]
    assert sorted(found) == sorted(id(w) for w in network.parameters())
    assert len(found) == len(set(found))
    with torch.no_grad():
        x = wanted = torch.rand(2, 1, 64, 64)
        sizes = []
        for part in parts:
            for module in part:
                x = module(x)
            sizes.append(x.shape[-1])
        assert torch.equal(x, network(wanted))
    assert sizes[1:] == [sizes[1] // 2**i for i in range(4)]  # a stage halves the size


@pytest.mark.parametrize("backbone", ["iresnet18", "ir18"])
def test_learning_rates_fall_towards_the_input(backbone):
    changes = {"train.backbone": backbone, "train.layer_decay": 0.5}
    params = small_params(**changes).train
    network = Network([1, 3], 32, {"gender": 2}, 8, 0.0, backbone)
    head = torch.nn.Linear(8, 3)
    groups = parameter_groups(network, head, params)
    rate = {id(w): group["lr"] for group in groups for w in group["params"]}
    decay = {id(w): group["weight_decay"] for group in groups for w in group["params"]}
    every = [*network.parameters(), *head.parameters()]
    assert sorted(rate) == sorted(id(w) for w in every)
    for branch in network.branches:
        for depth, part in enumerate(branch.backbone.parts()):
            for module in part:
                for weight in module.parameters():
                    assert rate[id(weight)] == params.learning_rate * 0.5 ** (5 - depth)
        assert all(rate[id(w)] == params.learning_rate for w in branch.neck.parameters())
    assert rate[id(head.weight)] == params.learning_rate
    assert all((decay[id(w)] > 0) == (w.ndim > 1) for w in every)
    alike = parameter_groups(network, head, params.model_copy(update={"layer_decay": 1.0}))
    assert len(alike) == 2 and {group["lr"] for group in alike} == {params.learning_rate}


def test_frozen_parts_stay_and_the_others_learn():
    network = Network([1], 32, {}, 8, 0.0, "iresnet18").train()
    freeze_parts(network, 3)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    params = small_params().train
    optimizer = torch.optim.AdamW(parameter_groups(network, torch.nn.Identity(), params))
    for _ in range(2):
        network.train()
        freeze_parts(network, 3)
        optimizer.zero_grad()
        network(torch.randn(4, 1, 32, 32)).identity.square().sum().backward()
        optimizer.step()
    after = network.state_dict()
    frozen = {id(t) for p in network.branches[0].backbone.parts()[:3] for m in p
              for t in (*m.parameters(), *m.buffers())}  # fmt: skip
    tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    changed = {name for name in tensors if not torch.equal(before[name], after[name])}
    assert {name for name, t in tensors.items() if id(t) in frozen}.isdisjoint(changed)
    learning = [n for n, t in tensors.items() if id(t) not in frozen and n.endswith("weight")]
    assert learning and set(learning) <= changed


def test_freezing_what_is_random_is_refused(tmp_path):
    text = Path("params.yaml").read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("frozen_parts: 0", "frozen_parts: 2"), encoding="utf-8")
    with pytest.raises(UserError, match=r"train.*frozen_parts needs init_from"):
        load_params(path)
