import shutil

import pytest
import torch
from torch import nn

from psface.model.network import attention
from psface.model.network.attention import Attention, _largest, _pooling, reverse_gradient
from psface.model.network.iresnet import Block, IResNet
from psface.model.network.layers import Conv3x3, PReLU
from psface.model.network.multitask import Network

CLASSES = {"spectacles": 2, "pose": 3}


def network(channels=(3, 1), side=64):
    torch.manual_seed(0)
    return Network(list(channels), side, CLASSES, embedding=16, dropout=0.0)


def test_backbone_is_the_published_iresnet18():
    """Parameters and strides of iResNet-18 (arXiv 2004.04989), ReLU's lack of slopes aside."""
    backbone = IResNet("iresnet18", 3)
    slopes = sum(
        p.numel() for m in backbone.modules() if isinstance(m, PReLU) for p in m.parameters()
    )
    weights = sum(p.numel() for p in backbone.parameters()) - slopes
    # ResNet-18 without its classifier has 11,176,512. The first stage differs by its norms:
    # see the block's layout; counted by hand from figure 1(c).
    convolutions = sum(m.weight.numel() for m in backbone.modules() if isinstance(m, nn.Conv2d))
    assert convolutions == 11_166_912
    assert weights - convolutions == sum(
        2 * m.num_features for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)
    )
    assert backbone(torch.zeros(2, 3, 96, 96)).shape == (2, 512, 3, 3)
    assert backbone(torch.zeros(2, 3, 112, 112)).shape == (2, 512, 4, 4)


def test_blocks_of_a_stage():
    start, middle, end = (
        Block(8, 8, 2, start=True),
        Block(8, 8),
        Block(8, 8, end=True),
    )
    assert isinstance(start.residual[0], nn.Conv2d)  # raw input
    assert isinstance(start.residual[-1], nn.BatchNorm2d)  # normalised output
    assert isinstance(start.shortcut[0], nn.MaxPool2d)
    assert isinstance(middle.residual[0], nn.BatchNorm2d)
    assert isinstance(middle.residual[-1], nn.Conv2d)
    assert isinstance(end.after[0], nn.BatchNorm2d)
    assert isinstance(end.after[1], PReLU)


def test_prelu_is_torchs():
    x = torch.randn(2, 3, 4, 4)
    mine, theirs = PReLU(3), nn.PReLU(3)
    mine.weight.data[:] = torch.tensor([0.1, 0.5, -0.2])
    theirs.load_state_dict(mine.state_dict())
    assert torch.allclose(mine(x), theirs(x))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_prelus_gradients_are_torchs(layout):
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64).to(memory_format=layout).requires_grad_()
    slopes = torch.tensor([0.1, 0.5, -0.2], dtype=torch.float64, requires_grad=True)
    mine, theirs = PReLU(3).double(), nn.PReLU(3).double()
    for each in (mine, theirs):
        each.weight.data[:] = slopes
    outputs = [each(x).cos().sum() for each in (mine, theirs)]
    found, expected = (
        torch.autograd.grad(out, [x, each.weight])
        for out, each in zip(outputs, (mine, theirs), strict=True)
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(3, 3), (4, 4), (6, 5), (1, 1), (16, 16)])
def test_convolutions_gradients_are_torchs(size, stride):
    mine = Conv3x3(4, 6, stride).double().to(memory_format=torch.channels_last)
    theirs = nn.Conv2d(4, 6, 3, stride, padding=1, bias=False).double()
    theirs.load_state_dict(mine.state_dict())
    x = torch.randn(2, 4, *size, dtype=torch.float64, requires_grad=True)
    outputs = [each(x).cos().sum() for each in (mine, theirs)]
    found, expected = (
        torch.autograd.grad(out, [x, each.weight])
        for out, each in zip(outputs, (mine, theirs), strict=True)
    )
    assert outputs[0].item() == pytest.approx(outputs[1].item())
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("outputs", "stride"), [(512, 1), (512, 2), (6, 1)])
def test_convolutions_gradients_are_torchs_in_half_precision(outputs, stride):
    mine = Conv3x3(8, outputs, stride).to(memory_format=torch.channels_last)
    theirs = nn.Conv2d(8, outputs, 3, stride, padding=1, bias=False)
    theirs.load_state_dict(mine.state_dict())
    x = torch.randn(2, 8, 4, 5, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        results = [each(x) for each in (mine, theirs)]
    assert results[0].dtype == results[1].dtype == torch.bfloat16
    found, expected = (
        torch.autograd.grad(result.float().square().sum(), [x, each.weight])
        for result, each in zip(results, (mine, theirs), strict=True)
    )
    for one, other in zip((results[0], *found), (results[1], *expected), strict=True):
        assert (one - other).norm() < 0.02 * other.norm()


def test_frozen_convolutions_and_inputs_get_no_gradients():
    for frozen in ("input", "weight"):
        layer = Conv3x3(3, 5)
        layer.weight.requires_grad_(frozen == "input")
        x = torch.randn(2, 3, 4, 4, requires_grad=frozen == "weight")
        layer(x).sum().backward()
        assert (layer.weight.grad is None) == (frozen == "weight")
        assert (x.grad is None) == (frozen == "input")


@pytest.mark.parametrize("size", [(3, 3), (4, 4), (8, 6), (2, 2), (7, 7)])
def test_pooling_is_adaptive_pooling(size):
    x = torch.randn(2, 5, *size)
    average, *windows = _pooling(*size)
    pixels = x.permute(0, 2, 3, 1).flatten(1, 2)
    for pooled, layer in (
        (average @ pixels, nn.AdaptiveAvgPool2d),
        (_largest(pixels, windows), nn.AdaptiveMaxPool2d),
    ):
        expected = torch.cat([layer(s)(x).flatten(2) for s in (1, 2, 3)], dim=2)
        assert torch.allclose(pooled, expected.transpose(1, 2), atol=1e-6)


def test_attention_takes_a_share():
    torch.manual_seed(0)
    attention = Attention(32).eval()
    x = torch.randn(2, 3, 3, 32)
    share = attention(x) / x
    assert (share > 0).all()
    assert (share < 1).all()


def test_chain_passes_on_what_was_not_taken():
    branch = network().branches[0].eval()
    x = torch.randn(2, 3, 64, 64)
    features = branch.backbone(x).permute(0, 2, 3, 1)
    mine = branch.attention["spectacles"](features)
    rest = features - mine
    out = branch(x)
    taken, passed_on = out.taken, out.passed_on
    assert list(branch.attention) == ["spectacles", "pose", "identity"]
    assert torch.allclose(taken["spectacles"], mine.mean(dim=(1, 2)), atol=1e-5)
    assert torch.allclose(passed_on["spectacles"], rest.mean(dim=(1, 2)), atol=1e-5)
    assert torch.allclose(taken["pose"], branch.attention["pose"](rest).mean(dim=(1, 2)), atol=1e-5)


def test_no_attention_is_shared():
    branch = network().branches[0]
    modules = [id(module) for module in branch.attention.values()]
    assert len(set(modules)) == len(modules)


def test_reversal_keeps_the_value_and_turns_the_gradient():
    x = torch.randn(4, requires_grad=True)
    y = reverse_gradient(x, 0.3)
    assert torch.equal(y, x)
    y.sum().backward()
    assert torch.allclose(x.grad, torch.full((4,), -0.3))


def test_adversary_descends_while_the_branch_ascends():
    """One step on an adversary's loss alone: the head must get better at it on the same
    features, the branch must make it harder for the same head."""
    net = network(channels=(1,))
    x, labels = torch.randn(16, 1, 64, 64), torch.randint(0, 2, (16,))

    def loss(model):
        return nn.functional.cross_entropy(model(x, reversal=1.0).remainders["spectacles"], labels)

    before = loss(net)
    before.backward()
    step = 1e-2
    for part, sign in ((net.adversaries["spectacles"], -1), (net.branches, 1)):
        kept = [p.data.clone() for p in part.parameters()]
        for p in part.parameters():
            if p.grad is not None:
                p.data -= step * p.grad
        change = (loss(net) - before).item()
        assert change * sign > 0
        for p, old in zip(part.parameters(), kept, strict=True):
            p.data = old


def test_no_reversal_no_gradient_into_the_branch():
    net = network(channels=(1,))
    net(torch.randn(4, 1, 64, 64), reversal=0.0).remainders["pose"].sum().backward()
    grads = [p.grad for p in net.branches.parameters() if p.grad is not None]
    assert all(g.abs().max() == 0 for g in grads)


def test_late_fusion_concatenates_per_task():
    net = network(channels=(3, 1)).eval()
    x = torch.randn(2, 4, 64, 64)
    out = net(x)
    parts = [
        b.neck(b(group).identity)
        for b, group in zip(net.branches, x.split([3, 1], dim=1), strict=True)
    ]
    assert out.identity.shape == (2, 32)
    cosines = [nn.functional.cosine_similarity(a[0], a[1], dim=0) for a in parts]
    fused = nn.functional.cosine_similarity(out.identity[0], out.identity[1], dim=0)
    assert fused.item() == pytest.approx(sum(cosines).item() / 2, abs=1e-5)
    plain = torch.cat(parts, dim=1).norm(dim=1)
    assert torch.allclose(out.identity.norm(dim=1), plain, atol=1e-4)
    assert {t: v.shape[1] for t, v in out.attributes.items()} == CLASSES
    assert net.heads["pose"].in_features == 2 * 512


def test_no_tasks_is_a_plain_recogniser():
    net = Network([1], 32, {}, embedding=8, dropout=0.0)
    out = net(torch.randn(2, 1, 32, 32))
    assert out.attributes == {}
    assert out.identity.shape == (2, 8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("backbone", ["iresnet18", "ir18-slim", "irse50"])
def test_channels_are_last_in_memory_from_the_first_layer_on(backbone, channels):
    """Converted only later, the first layers of one-channel inputs took twice as long."""
    [branch] = Network([channels], 32, {}, 8, 0.0, backbone).branches
    first = next(module for module in branch.modules() if isinstance(module, nn.Conv2d))
    out = first(torch.randn(2, channels, 32, 32))
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_a_network_that_has_judged_can_still_learn():
    """What is computed once must not be bound to inference."""
    attention._pooling.cache_clear()
    network = Network([1], 32, {"gender": 2}, 8, 0.0)
    with torch.inference_mode():
        network.eval()(torch.zeros(2, 1, 32, 32))
    network.train()(torch.randn(4, 1, 32, 32)).identity.sum().backward()


def test_without_attention_no_adversary_works_against_the_heads():
    """The features are shared: reversed gradients would take from what the attribute gives."""
    torch.manual_seed(0)
    net = Network([1], 32, {"gender": 2}, 8, 0.0, attention=False).train()
    x = torch.randn(4, 1, 32, 32)
    grads = []
    for reversal in (0.0, 0.7):
        net.zero_grad()
        out = net(x, reversal)
        assert not out.remainders
        out.attributes["gender"].sum().backward()
        grads.append(next(net.branches[0].backbone.parameters()).grad.clone())
    assert torch.equal(*grads) and not net.adversaries


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_attention_has_gradients():
    """Compiled, values are computed again without their rounding to bfloat16, and none equals the
    maximum that `amax` had found: its gradient was nan."""
    torch.manual_seed(0)
    attention_to = Attention(32)
    x = torch.randn(8, 32, 1, 1, dtype=torch.bfloat16, requires_grad=True)
    scale = torch.rand(32, requires_grad=True)

    def passes(x, scale):
        with torch.autocast("cpu", torch.bfloat16):
            normalised = nn.functional.batch_norm(x, None, None, scale, training=True)
            return attention_to(normalised.permute(0, 2, 3, 1)).float().square().sum()

    plain = torch.autograd.grad(passes(x, scale), [x, scale])
    compiled = torch.autograd.grad(torch.compile(passes)(x, scale), [x, scale])
    assert compiled[0].isfinite().all()
    assert (compiled[1] - plain[1]).norm() < 0.2 * plain[1].norm()
