"""Augmentation by the errors that another rig makes."""

import pytest
import torch

from psface.faces.modalities import maps_of
from psface.training.disturbance import disturb
from psface.training.draws import Draws

CHANNELS = {"normalmap": 3, "albedo": 1, "depthmap": 1, "raw": 1, "frames": 4}
MODALITIES = ["all", "albedo", "normalmap", "depthmap", "normalmap-albedo", "albedo-depthmap"]


def faces(maps, count=6, side=24):
    g = torch.Generator().manual_seed(5)
    normal = (
        torch.randn(count, 3, side, side, generator=g) * 0.3
        + torch.tensor([0, 0, 1.0])[:, None, None]
    )
    planes = {
        "normalmap": normal / normal.norm(dim=1, keepdim=True),
        "albedo": 0.2 + torch.rand(count, 1, side, side, generator=g),
        "depthmap": 5 * torch.randn(count, 1, side, side, generator=g),
        "raw": torch.rand(count, 1, side, side, generator=g),
        "frames": torch.rand(count, 4, side, side, generator=g),
    }
    values = torch.cat([planes[name] for name in maps], 1)
    values[:, :, :4] = 0
    return values


def disturbed(values, maps, own=None, total=None, strength=1.0, seed=0):
    draws = Draws(
        torch.Generator().manual_seed(seed), own or slice(0, len(values)), total or len(values)
    )
    return disturb(values, maps, [CHANNELS[name] for name in maps], draws, strength)


@pytest.mark.parametrize("modality", MODALITIES)
def test_maps_change_within_the_face_alone(modality):
    maps = maps_of(modality)
    values = faces(maps)
    out = disturbed(values, maps)
    assert out.shape == values.shape and out.isfinite().all()
    assert (out[:, :, :4] == 0).all()
    assert ((out - values)[:, :, 4:].abs().mean((0, 2, 3)) > 1e-3).all()


def test_normals_keep_unit_length_and_albedo_its_sign():
    maps = maps_of("all")
    out = disturbed(faces(maps), maps, strength=2.0)
    shown = (out != 0).any(1)
    assert (out[:, :3].norm(dim=1)[shown] - 1).abs().max() < 1e-4
    assert out[:, 3][shown].min() > 0


def test_the_picture_may_end_inside_the_crop():
    maps = maps_of("all")
    ones = torch.ones(200, 5, 40, 40)
    shown = (disturbed(ones, maps) != 0).all(1).float()
    kept = shown.mean((1, 2))
    assert kept.max() == 1 and kept.min() < 0.7
    assert shown.mean(0)[20, 20] > 0.9  # the middle of the face nearly always stays
    assert shown.mean(0)[0, 20] < 0.7


@pytest.mark.parametrize("modality", ["raw", "frames"])
def test_pictures_stay_as_they_are(modality):
    maps = maps_of(modality)
    values = faces(maps)
    assert torch.equal(disturbed(values, maps), values)


def test_stronger_is_farther_and_zero_is_nothing():
    maps = maps_of("all")
    values = faces(maps)
    far = [(disturbed(values, maps, strength=s) - values).abs().mean() for s in (0.0, 0.5, 1.0)]
    assert far[0] < 1e-5 < far[1] < far[2]


def test_a_row_has_the_same_draw_whoever_computes_it():
    maps = maps_of("all")
    values = faces(maps)
    whole = disturbed(values, maps)
    part = disturbed(values[2:5], maps, slice(2, 5), 6)
    assert torch.allclose(part, whole[2:5], atol=1e-5)
    assert not torch.allclose(disturbed(values, maps, seed=1), whole, atol=1e-3)
