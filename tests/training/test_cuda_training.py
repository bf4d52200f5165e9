"""Training on a GPU, where there is one."""

import json

import pytest
import torch
from safetensors.torch import load_file

from psface.model.device import autocast
from psface.model.network.multitask import Network
from psface.training.loop import train
from psface.training.shards import Shards
from stages.split import split
from tests.packed_faces import small_params, write_faces

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture
def folders(tmp_path):
    write_faces(tmp_path / "faces")
    params = small_params()
    split(params.split, params.attributes, params.seed, tmp_path / "faces" / "faces.parquet",
          tmp_path / "splits", tmp_path / "ratios.csv")  # fmt: skip
    return tmp_path


def run(folder, name, params, seconds=1e9):
    models, history = folder / name, folder / f"{name}_history"
    train(params, folder / "faces", folder / "splits", models, history, seconds)
    losses = json.loads((history / "metrics.json").read_text())["loss"]
    return losses, load_file(models / "weights.safetensors")


def on_cpu(monkeypatch):
    monkeypatch.setattr(
        "psface.training.training_state.default_device", lambda: torch.device("cpu")
    )


def test_the_loss_is_the_cpus(folders, monkeypatch):
    monkeypatch.setattr("psface.training.augmentation.PATCH_PROBABILITY", 0.0)  # noise of its own
    # The first step, of one shard on either; later ones amplify any rounding.
    changes = {"train.epochs": 1, "train.dropout": 0.0, "train.batch_size": 64}
    params = small_params(**changes)
    monkeypatch.setattr("psface.training.shards.SHARD", 64)
    gpu, _ = run(folders, "gpu", params)
    on_cpu(monkeypatch)
    cpu, _ = run(folders, "cpu", params)
    assert gpu["total"] == pytest.approx(cpu["total"], rel=0.01)  # bfloat16


def test_graphs_are_the_plain_passes(monkeypatch):
    def trained(graphs):
        torch.manual_seed(0)
        network = Network([3, 1], 32, {"pose": 3}, 8, 0.0).cuda().train()
        shards = Shards(network, graphs=graphs)
        generator = torch.Generator().manual_seed(1)
        losses = []
        for size in (20, 21, 20, 20, 21):
            batch = torch.randn(size, 4, 32, 32, generator=generator).cuda()
            separated = shards.forward(batch)
            with autocast(batch.device):
                out = network.combine(separated, 0.3)
            loss = out.identity.square().mean() + out.attributes["pose"].sin().sum()
            loss.backward()
            shards.backward()
            with torch.no_grad():
                for weight in network.parameters():
                    if weight.grad is not None:
                        weight -= 0.001 * weight.grad
                        weight.grad = None
            losses.append(loss.item())
        return losses, network.state_dict()

    (plain, before), (graphed, after) = trained(False), trained(True)
    assert graphed == pytest.approx(plain, rel=1e-3)
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, atol=1e-3, rtol=1e-2)


def test_the_same_bytes_again(folders):
    params = small_params(modality="all")
    (_, first), (_, second) = run(folders, "a", params), run(folders, "b", params)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("first", ["gpu", "cpu"])
def test_a_checkpoint_goes_on_on_the_other_device(folders, monkeypatch, capsys, first):
    params = small_params(**{"train.epochs": 3})
    epochs = []

    def stop_in_second_epoch(*args):
        epochs.append(args)
        if len(epochs) == 2:
            raise KeyboardInterrupt
        return 0.5

    with monkeypatch.context() as patch:
        if first == "cpu":
            on_cpu(patch)
        patch.setattr("psface.training.loop.cosine_auc", stop_in_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            run(folders, "model", params, seconds=0)
    if first == "gpu":
        on_cpu(monkeypatch)
    losses, _ = run(folders, "model", params)
    assert "resuming from epoch 1" in capsys.readouterr().out and losses["total"] > 0


@pytest.mark.parametrize(
    "changes", [{"train.compile": True}, {"train.sample_centres": 0.5}, {"train.accumulate": 2}]
)
def test_options_on_a_gpu(folders, changes):
    losses, _ = run(folders, "model", small_params(**changes))
    assert losses["total"] > 0
