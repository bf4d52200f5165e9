"""Training over shards: the same on any number of threads, and what plain passes would give."""

import copy

import pytest
import torch

from psface.model.device import autocast
from psface.model.network.multitask import Network
from psface.training import shards as module
from psface.training.shards import Shards

CLASSES = {"spectacles": 2, "pose": 3}


def network(attention: bool = True, dropout: float = 0.0) -> Network:
    torch.manual_seed(0)
    return Network([3, 1], 32, CLASSES, 8, dropout, attention=attention).double().train()


def loss_of(out):
    parts = [out.identity, *out.branches, *out.attributes.values(), *out.remainders.values()]
    return sum((part * torch.arange(part.shape[1])).sin().mean() for part in parts)


def step(net, batch):
    shards = Shards(net)
    separated = shards.forward(batch)
    with autocast(batch.device):
        out = net.combine(separated, 0.3)
    loss = loss_of(out)
    loss.backward()
    shards.backward()
    return loss.item(), {n: p.grad for n, p in net.named_parameters()}


@pytest.mark.parametrize("attention", [True, False])
def test_one_shard_is_a_plain_pass(attention):
    batch = torch.randn(module.SHARD, 4, 32, 32, dtype=torch.float64)
    ours, plain = network(attention), network(attention)
    loss, gradients = step(ours, batch)
    expected = loss_of(plain(batch, 0.3))
    expected.backward()
    assert loss == pytest.approx(expected.item(), abs=1e-6)
    for name, weight in plain.named_parameters():
        torch.testing.assert_close(gradients[name], weight.grad, atol=1e-9, rtol=1e-6)
    for name, statistic in plain.named_buffers():
        torch.testing.assert_close(dict(ours.named_buffers())[name], statistic)


@pytest.mark.parametrize("attention", [True, False])
def test_shards_against_a_plain_loop(attention):
    batch = torch.randn(40, 4, 32, 32, dtype=torch.float64)
    ours, plain = network(attention), network(attention)
    _, gradients = step(ours, batch)
    separated = [plain.separate(shard) for shard in batch.tensor_split(3)]
    first = separated[0]
    parts = [
        first[b].like(
            [torch.cat(ts) for ts in zip(*(s[b].tensors for s in separated), strict=True)]
        )
        for b in range(2)
    ]
    loss_of(plain.combine(parts, 0.3)).backward()
    for name, weight in plain.named_parameters():
        torch.testing.assert_close(gradients[name], weight.grad, atol=1e-9, rtol=1e-6)

    # The running statistics are the mean of what each shard alone would leave.
    alone = [network(attention) for _ in range(3)]
    for net, shard in zip(alone, batch.tensor_split(3), strict=True):
        net.separate(shard)
    name = "branches.0.backbone.layers.1.running_mean"
    means = torch.stack([dict(net.named_buffers())[name] for net in alone]).mean(dim=0)
    torch.testing.assert_close(dict(ours.named_buffers())[name], means)
    for name in ("branches.0.neck.bn2.running_mean", "branches.1.neck.features.running_var"):
        torch.testing.assert_close(*(dict(net.named_buffers())[name] for net in (ours, plain)))


@pytest.mark.parametrize("threads", ["1", "2", "3"])
def test_the_same_bits_on_any_number_of_threads(monkeypatch, threads):
    batch = torch.randn(
        40, 4, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    loss, gradients = step(network(dropout=0.3), batch)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    monkeypatch.setattr("psface.threads.available_cpus", lambda: 3)
    again, others = step(network(dropout=0.3), batch)
    assert again == loss
    assert all(torch.equal(gradients[name], others[name]) for name in gradients)


def test_frozen_parts_stay_as_they_are():
    net = network().float()
    for branch in net.branches:
        branch.requires_grad_(False)
    before = copy.deepcopy(net.state_dict())
    _, gradients = step(net.eval(), torch.randn(20, 4, 32, 32))
    assert all(g is None for n, g in gradients.items() if n.startswith("branches."))
    assert gradients["heads.pose.weight"] is not None
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_steps_of_the_optimiser_are_those_of_a_plain_pass():
    """A fused optimiser takes gradients as they lie in memory, whatever their strides say."""
    # In doubles: bfloat16 rounds by the number of threads, and these losses amplify that.
    batch = torch.randn(module.SHARD, 4, 32, 32, dtype=torch.float64)
    ours, plain = network(), network()
    for net in (ours, plain):
        optimizer = torch.optim.SGD(net.parameters(), 0.1, fused=True)
        if net is ours:
            step(net, batch)
            assert all(w.grad is None or w.grad.stride() == w.stride() for w in net.parameters())
        else:
            loss_of(net(batch, 0.3)).backward()
        optimizer.step()
    name = "branches.0.backbone.layers.3.residual.0.weight"
    moved = [dict(net.named_parameters())[name] for net in (ours, plain)]
    torch.testing.assert_close(*moved, atol=1e-9, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiled_branches_compute_the_same(backend):
    torch._dynamo.reset()
    batch = torch.randn(module.SHARD + 2, 4, 32, 32, dtype=torch.float64)
    plain, compiled = network(), network()
    _, expected = step(plain, batch)
    shards = Shards(compiled, backend)
    with autocast(batch.device):
        out = compiled.combine(shards.forward(batch), 0.3)
    loss_of(out).backward()
    shards.backward()
    for name, weight in compiled.named_parameters():
        torch.testing.assert_close(weight.grad, expected[name], atol=1e-9, rtol=1e-6)
    assert "_orig_mod" not in "".join(compiled.state_dict())
