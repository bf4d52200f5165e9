"""Embeddings: crops with their mirror images, in few or many, by weights converted once."""

import copy

import numpy as np
import pytest
import torch

from psface.faces.modalities import normal_x_channels
from psface.model.card import load_model
from psface.model.device import autocast
from psface.model.embedding import FEW, converted, embed, mirror
from tests.untrained_models import save_untrained, untrained_card


@pytest.fixture(scope="module")
def model(settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_untrained(folder, untrained_card(settings, "normalmap-albedo"))
    return load_model(folder, torch.device("cpu"))


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(FEW + 1, 4, 48, 48)).astype(np.float32)


def test_a_few_crops_are_embedded_as_in_a_crowd(model, crops):
    together = embed(*model, [crops])
    for batches in ([crops[:1]], [crops[:FEW]]):
        apart, count = embed(*model, batches), len(batches[0])
        np.testing.assert_allclose(apart.identity, together.identity[:count], rtol=0.02, atol=0.02)
        for task, probabilities in apart.attributes.items():
            assert probabilities.shape == (count, 2)
            np.testing.assert_allclose(probabilities, together.attributes[task][:count], atol=0.02)


def test_an_embedding_is_the_mean_of_the_crop_s_and_its_mirror_image_s(model, crops):
    network, card = model
    x_channels = normal_x_channels(card.maps, card.channels)
    flipped = mirror(torch.from_numpy(crops[:2]), x_channels).numpy()
    one, other = (embed(network, card, [v], mirrored=False).identity for v in (crops[:2], flipped))
    mean = embed(network, card, [crops[:2]]).identity
    np.testing.assert_allclose(mean, (one + other) / 2, rtol=0.02, atol=0.02)
    assert np.abs(one - other).max() > 0.05


def test_weights_that_are_converted_once_embed_alike(model, crops):
    network, card = model
    before = embed(network, card, [crops[:2]])
    once = converted(copy.deepcopy(network))
    after = embed(once, card, [crops[:2]])
    np.testing.assert_array_equal(after.identity, before.identity)
    half = autocast(torch.device("cpu"))._enabled
    kinds = {weight.dtype for weight in once.parameters() if weight.ndim > 1}
    assert kinds == {torch.bfloat16 if half else torch.float32}
    assert {weight.dtype for weight in once.parameters() if weight.ndim == 1} == {torch.float32}
