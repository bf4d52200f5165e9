"""Training a detector from annotated pictures: resuming, what it starts from, what it reaches."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import psface.commands.train_detector.cascade_training
from psface.captures.media import read_picture
from psface.commands.scenes.scene_set import scenes
from psface.commands.survey.detection_accuracy import accuracy
from psface.commands.train_detector.cascade_training import _step, train_mtcnn
from psface.detect.annotations import read_annotations
from psface.detect.mtcnn.cascade import MTCNN
from psface.detect.mtcnn.networks import SIDES, load_networks
from psface.errors import UserError


@pytest.fixture(scope="module")
def pictures(settings, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("scenes")
    scenes(settings.scenes.model_copy(update={"train": 4, "test": 1}), 3, out)
    return out


@pytest.fixture
def params(settings, pictures):
    label = str(pictures / "train" / "label.txt")
    changed = {"annotations": label, "epochs": 2, "batch_size": 64}
    return settings.train_mtcnn.model_copy(update=changed)


def test_a_killed_training_goes_on_to_the_same_networks(params, tmp_path, monkeypatch):
    train_mtcnn(params, 1, tmp_path / "whole.safetensors")
    whole = load_file(tmp_path / "whole.safetensors")
    save, saved = psface.commands.train_detector.cascade_training.save_checkpoint, []

    def killed(path, *rest):
        save(path, *rest)
        saved.append(path)
        if len(saved) in (2, 3):  # when P-Net was done, and in the middle of R-Net
            raise KeyboardInterrupt

    monkeypatch.setattr(psface.commands.train_detector.cascade_training, "save_checkpoint", killed)
    out = tmp_path / "killed.safetensors"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train_mtcnn(params, 1, out)
        assert saved[-1].exists() and not out.exists()
    losses = train_mtcnn(params, 1, out)
    assert list(losses) == ["pnet", "rnet", "onet"] and len(saved) == 6
    for name, value in load_file(out).items():
        assert value.equal(whole[name]), name
    assert not saved[-1].exists()  # nothing of it is left


@pytest.mark.parametrize("name", ["rnet", "onet"])
def test_shards_of_a_batch_give_the_whole_batch_gradients(name, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    side = SIDES[name]
    x = torch.randn(150, 3, side, side, generator=generator)
    labels = (
        torch.randint(-1, 2, (150,), generator=generator),
        torch.randn(150, 4, generator=generator),
        torch.rand(150, 10, generator=generator),
    )
    network = getattr(load_networks(None).requires_grad_(True), name)
    monkeypatch.setattr(psface.commands.train_detector.cascade_training, "SHARD", 1000)
    whole = _step(network, x, labels, name)
    wanted = [weight.grad.clone() for weight in network.parameters()]
    monkeypatch.setattr(psface.commands.train_detector.cascade_training, "SHARD", 64)
    losses = _step(network, x, labels, name)
    assert losses["total"].item() == pytest.approx(whole["total"].item(), rel=1e-5)
    for weight, own in zip(network.parameters(), wanted, strict=True):
        torch.testing.assert_close(weight.grad, own, rtol=1e-4, atol=1e-5)


def test_a_checkpoint_of_other_parameters_is_not_used(params, tmp_path, monkeypatch):
    save = psface.commands.train_detector.cascade_training.save_checkpoint

    def killed(*given):
        save(*given)
        raise KeyboardInterrupt

    out = tmp_path / "own.safetensors"
    with monkeypatch.context() as patched:
        patched.setattr(psface.commands.train_detector.cascade_training, "save_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            train_mtcnn(params, 1, out)
    train_mtcnn(params, 2, out)
    train_mtcnn(params, 2, tmp_path / "fresh.safetensors")
    fresh = load_file(tmp_path / "fresh.safetensors")
    assert all(value.equal(fresh[name]) for name, value in load_file(out).items())


def test_a_short_training_from_the_package_spoils_nothing(params, shared_data, tmp_path):
    own = params.model_copy(update={"init_from": "package", "epochs": 1, "learning_rate": 1e-4})
    train_mtcnn(own, 1, tmp_path / "own.safetensors")
    truth = read_annotations(shared_data / "dlib_faces", "dlib")[:4]
    images = [read_picture(picture.path) for picture in truth]
    found = MTCNN(40, weights=tmp_path / "own.safetensors").detect(images)
    assert accuracy(truth, found)["average_precision"] > 0.95


def test_pictures_of_16_bits_and_a_folder_of_annotations(params, pictures, tmp_path):
    folder = tmp_path / "deep"
    shutil.copytree(pictures / "train", folder)
    text = (folder / "label.txt").read_text()
    for path in (folder / "pictures").iterdir():
        image = cv2.imread(str(path))
        cv2.imwrite(str(path.with_suffix(".png")), image)
        cv2.imwrite(str(path.with_suffix(".tif")), image.astype(np.uint16) * 257)
    mined = []
    for suffix in (".png", ".tif"):
        (folder / "label.txt").write_text(text.replace(".jpg", suffix))
        truth = read_annotations(folder, "wider")
        rng, networks = np.random.default_rng(0), load_networks()
        mined.append(
            psface.commands.train_detector.cascade_training._mined(rng, truth, networks, "rnet")
        )
    eight, sixteen = mined
    assert np.abs(eight.pixels.astype(int) - sixteen.pixels).max() <= 1
    own = params.model_copy(update={"annotations": str(folder), "epochs": 1})
    train_mtcnn(own, 1, tmp_path / "own.safetensors")


def test_what_cannot_be_trained_on(params, tmp_path):
    for changed, said in (
        ({"annotations": str(tmp_path / "none.txt")}, r"none\.txt"),
        ({"init_from": str(tmp_path / "none.safetensors")}, r"none\.safetensors"),
        ({"images": str(tmp_path / "elsewhere")}, r"elsewhere.*does not exist"),
    ):
        with pytest.raises(UserError, match=said):
            train_mtcnn(params.model_copy(update=changed), 1, tmp_path / "own.safetensors")
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.slow
def test_from_random_weights_to_unseen_pictures(settings, tmp_path):
    """The committed parameters, in some ten minutes."""
    scenes(settings.scenes, settings.seed, tmp_path)
    label = str(tmp_path / "train" / "label.txt")
    params = settings.train_mtcnn.model_copy(update={"annotations": label})
    train_mtcnn(params, settings.seed, tmp_path / "own.safetensors")
    truth = read_annotations(tmp_path / "test" / "label.txt", "wider")
    images = [read_picture(picture.path) for picture in truth]
    found = MTCNN(weights=tmp_path / "own.safetensors").detect(images)
    assert accuracy(truth, found)["average_precision"] >= 0.9
