"""Every registered backbone, and the published layouts that they must have."""

import pytest
import torch
from torch import nn

from psface.model.network import ir, iresnet
from psface.model.network.backbones import BACKBONES, build_backbone
from psface.model.network.ir import IR, IRSE
from psface.model.network.multitask import Branch

SMALL = ("iresnet18", "iresnet34", "iresnet50", "ir18-slim", "ir18", "ir34", "irse50")


def branch(name: str, side: int = 112, embedding: int = 512) -> Branch:
    return Branch(name, 3, side, [], embedding, 0.0, True)


def test_all_are_registered():
    assert set(BACKBONES) == {*iresnet.BLOCKS, *ir.BLOCKS}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("side", [50, 96])
def test_embeds_any_size(name, side):
    net = branch(name, side, 8)
    out = net(torch.randn(2, 3, side, side))
    assert net.neck(out.identity).shape == (2, 8) and out.taken == out.passed_on == {}
    cells = -(-side // net.backbone.stride)
    assert net.backbone(torch.zeros(1, 3, side, side)).shape == (1, net.width, cells, cells)


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        # With their necks for 112 px and 512 numbers: InsightFace's and face.evoLVe's model zoos.
        ("ir18", 24.03),
        ("ir34", 34.14),
        ("ir50", 43.59),
        ("ir100", 65.15),
        ("irse50", 43.80),
        ("irse101", 65.50),
        ("irse152", 71.15),
    ],
)
def test_sizes_are_the_published_ones(name, millions):
    with torch.device("meta"):
        net = branch(name)
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(millions, abs=0.02)


def test_a_slim_one_has_half_the_width():
    slim, wide = (build_backbone(name, 3) for name in ("ir18-slim", "ir18"))
    assert 2 * slim.out_channels == wide.out_channels
    sizes = [sum(p.numel() for p in each.parameters()) for each in (slim, wide)]
    assert sizes[1] / sizes[0] == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize(
    ("name", "millions"),
    # Table 2 of arXiv 2004.04989, less the classifier of 2048 x 1000 + 1000.
    [("iresnet50", 25.56 - 2.05), ("iresnet101", 44.55 - 2.05), ("iresnet152", 60.19 - 2.05)],
)
def test_sizes_of_dutas(name, millions):
    with torch.device("meta"):
        backbone = build_backbone(name, 3)
    slopes = sum(m.weight.numel() for m in backbone.modules() if type(m).__name__ == "PReLU")
    weights = sum(p.numel() for p in backbone.parameters()) - slopes
    assert weights / 1e6 == pytest.approx(millions, abs=0.1)


def test_names_and_shapes_are_arcface_torchs():
    """A few by hand, from the state of its published iresnet50."""
    shapes = {name: tuple(value.shape) for name, value in IR("ir50", 3).state_dict().items()}
    for name, shape in {
        "conv1.weight": (64, 3, 3, 3),
        "bn1.running_var": (64,),
        "prelu.weight": (64,),
        "layer1.0.bn1.weight": (64,),
        "layer1.0.conv1.weight": (64, 64, 3, 3),
        "layer1.0.prelu.weight": (64,),
        "layer1.0.downsample.0.weight": (64, 64, 1, 1),
        "layer1.0.downsample.1.running_mean": (64,),
        "layer3.0.conv1.weight": (256, 128, 3, 3),
        "layer3.0.conv2.weight": (256, 256, 3, 3),
        "layer3.13.bn3.bias": (256,),
        "layer4.2.conv2.weight": (512, 512, 3, 3),
    }.items():
        assert shapes[name] == shape
    assert not any(
        name.startswith(("layer1.3", "layer3.14", "layer1.1.downsample")) for name in shapes
    )


def test_names_and_shapes_are_face_evolves():
    shapes = {name: tuple(value.shape) for name, value in IRSE("irse50", 3).state_dict().items()}
    for name, shape in {
        "input_layer.0.weight": (64, 3, 3, 3),
        "input_layer.2.weight": (64,),
        "body.0.res_layer.1.weight": (64, 64, 3, 3),
        "body.0.res_layer.2.weight": (64,),
        "body.0.res_layer.5.fc1.weight": (4, 64, 1, 1),
        "body.0.res_layer.5.fc2.weight": (64, 4, 1, 1),
        "body.3.shortcut_layer.0.weight": (128, 64, 1, 1),
        "body.3.shortcut_layer.1.bias": (128,),
        "body.23.res_layer.3.weight": (512, 512, 3, 3),
        "body.23.res_layer.4.running_mean": (512,),
    }.items():
        assert shapes[name] == shape
    assert not any(name.startswith(("body.24", "body.0.shortcut_layer")) for name in shapes)


def test_se_weighs_channels():
    module = IRSE("irse50", 1).body[0].res_layer[5]
    x = torch.randn(2, 64, 3, 3)
    share = module(x) / x
    assert torch.allclose(share, share[:, :, :1, :1].expand_as(share), atol=1e-5)
    nn.init.zeros_(module.fc2.weight)
    assert torch.allclose(module(x), x / 2)
