"""Starting from checkpoints that are made here with the published names."""

import pickle

import pytest
import torch
from safetensors.torch import save_file

from psface.errors import UserError
from psface.model.network.multitask import Network
from psface.training.initialise import convert_channels, initialise


def network(channels=(3,), backbone="ir18", side=112, embedding=512, **changes) -> Network:
    torch.manual_seed(1)
    return Network(
        list(channels), side, {"gender": 2}, embedding, 0.0, backbone=backbone, **changes
    )


def published(backbone: str) -> dict[str, torch.Tensor]:
    """The state of a network trained elsewhere, under the names it was published with."""
    torch.manual_seed(7)
    [branch] = Network([3], 112, {}, 512, 0.0, backbone=backbone).branches
    neck = {"bn2": "bn2", "fc": "fc", "features": "features"}
    if backbone.startswith("irse"):
        neck = {"bn2": "output_layer.0", "fc": "output_layer.3", "features": "output_layer.4"}
    state = {}
    for name, value in branch.state_dict().items():
        value = torch.randn_like(value) if value.is_floating_point() else value
        part, _, rest = name.partition(".")
        if part == "neck":
            layer, _, leaf = rest.partition(".")
            rest = f"{neck[layer]}.{leaf}"
        state[rest] = value
    return state


@pytest.mark.parametrize("wrapper", ["", "module.", "features.module."])
@pytest.mark.parametrize("backbone", ["ir18", "irse50"])
def test_every_tensor_of_a_published_checkpoint_is_taken(tmp_path, backbone, wrapper):
    weights = published(backbone)
    content = {f"{wrapper}{name}": value for name, value in weights.items()}
    if wrapper == "features.module.":  # MagFace's file: wrapped, with its classifier beside
        content = {"epoch": 25, "arch": "x", "state_dict": {**content, "fc.weight": torch.ones(3)}}
    torch.save(content, tmp_path / "w.pth")
    net = network(backbone=backbone)
    match = initialise(net, tmp_path / "w.pth")
    assert len(match.taken) == len(weights) and not match.converted and not match.misfits
    assert not match.unused
    assert all("attention" in n or n.startswith(("heads", "adversaries")) for n in match.fresh)
    neck = {"ir18": ("fc.weight", "features.bias"), "irse50": ("output_layer.3.weight",) * 2}
    assert torch.equal(net.branches[0].neck.fc.weight, weights[neck[backbone][0]])
    stem = net.branches[0].backbone.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in stem.items())


def packed(weights):
    return {name: weight.contiguous() for name, weight in weights.items()}


def test_other_channels_sizes_and_several_branches(tmp_path):
    weights = published("ir18")
    save_file(packed(weights), tmp_path / "w.safetensors")
    net = network(channels=(3, 1), side=96, embedding=256)
    match = initialise(net, tmp_path / "w.safetensors")
    assert match.converted == ["branches.1.backbone.conv1.weight"]
    assert {n.partition(".neck.")[2] for n in match.misfits} == {
        "fc.weight", "fc.bias", "features.weight", "features.bias",
        "features.running_mean", "features.running_var",
    }  # fmt: skip
    for branch in net.branches:
        assert torch.equal(branch.backbone.layer4[0].conv1.weight, weights["layer4.0.conv1.weight"])
    said = str(match)
    assert "1 converted for its input channels" in said and "of another shape" in said


def test_converted_channels_answer_grey_as_before():
    weight, grey = torch.randn(8, 3, 3, 3), torch.randn(2, 1, 5, 5)
    expected = torch.conv2d(grey.expand(-1, 3, -1, -1), weight)
    for channels in (1, 4):
        mine = torch.conv2d(grey.expand(-1, channels, -1, -1), convert_channels(weight, channels))
        assert torch.allclose(mine, expected, atol=1e-4)


def test_a_model_of_our_own(tmp_path):
    trained = network(backbone="iresnet18", side=64, embedding=16)
    for p in trained.parameters():
        p.data.normal_()
    save_file(packed(trained.state_dict()), tmp_path / "w.safetensors")
    net = network(backbone="iresnet18", side=64, embedding=16)
    match = initialise(net, tmp_path / "w.safetensors")
    assert not match.fresh and not match.misfits and not match.unused
    assert all(
        torch.equal(a, b) for a, b in zip(net.parameters(), trained.parameters(), strict=True)
    )


@pytest.mark.parametrize("channels", [[[1]], [[2, 0], [1]]])
def test_branches_that_see_some_of_a_models_input(tmp_path, channels):
    """They answer as the model does to an input that has nothing else."""
    torch.manual_seed(0)
    model = network(channels=(3,), backbone="ir18-slim", side=64, embedding=16).eval()
    save_file(packed(model.state_dict()), tmp_path / "w.safetensors")
    widths = tuple(len(seen) for seen in channels)
    net = network(channels=widths, backbone="ir18-slim", side=64, embedding=16).eval()
    initialise(net, tmp_path / "w.safetensors", channels)
    x = torch.randn(2, 3, 64, 64)
    parts = net.separate(x[:, [channel for seen in channels for channel in seen]])
    for seen, part in zip(channels, parts, strict=True):
        alone = torch.zeros_like(x)
        alone[:, seen] = x[:, seen]
        assert torch.allclose(part.identity, model.separate(alone)[0].identity, atol=1e-4)


def test_pictures_are_read_as_the_albedo_was(tmp_path):
    """A branch of several frames, all alike, answers as the model does to their albedo."""
    torch.manual_seed(0)
    model = network(channels=(3,), backbone="ir18-slim", side=64, embedding=16).eval()
    save_file(packed(model.state_dict()), tmp_path / "w.safetensors")
    net = network(channels=(4,), backbone="ir18-slim", side=64, embedding=16).eval()
    initialise(net, tmp_path / "w.safetensors", [[2]])
    x = torch.zeros(2, 3, 64, 64)
    x[:, 2] = torch.randn(2, 64, 64)
    part, wanted = net.separate(x[:, [2] * 4])[0], model.separate(x)[0]
    assert torch.allclose(part.identity, wanted.identity, atol=1e-4)


class Payload:
    def __reduce__(self):
        return (pytest.fail, ("code in a weight file was run",))


def test_files_that_are_refused(tmp_path):
    bad = {
        "pickle.pth": pickle.dumps({"state_dict": Payload()}),
        "text.pth": b"hello",
        "text.safetensors": b"hello",
        "empty.pth": b"",
    }
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
    torch.save({"conv1.weight": Payload()}, tmp_path / "payload.pth")
    torch.save({"epoch": 3}, tmp_path / "nothing.pth")
    save_file({"something.else": torch.ones(2)}, tmp_path / "other.safetensors")
    for name, said in {
        **dict.fromkeys(bad, "weight file|could run code"),
        "payload.pth": "could run code when loaded",
        "nothing.pth": "no named tensors",
        "other.safetensors": "nothing in it fits this backbone; set train.backbone",
        "missing.pth": "missing; correct train.init_from",
    }.items():
        with pytest.raises(UserError, match=rf"{name}: .*({said})"):
            initialise(network(), tmp_path / name)


def test_another_backbone_is_said(tmp_path):
    torch.save(published("irse50"), tmp_path / "w.pth")
    with pytest.raises(UserError, match="nothing in it fits this backbone"):
        initialise(network(backbone="ir18"), tmp_path / "w.pth")
