import numpy as np
import torch

from psface.faces.modalities import normal_x_channels
from psface.model.embedding import mirror
from psface.training.augmentation import augment


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_all_maps_of_a_session_get_the_same_draw():
    one = torch.randn(16, 1, 40, 40)
    both = torch.cat([one, 2 * one], dim=1)
    out = augment(both, [], generator())
    noise = (out[:, 1] - 2 * out[:, 0]).abs() > 1e-4  # noise is drawn per channel
    share = noise.flatten(1).float().mean(dim=1)
    assert ((share == 0) | (share < 0.13)).all()  # a patch of at most .35 x .35, or nothing
    assert (share == 0).any()
    assert (share > 0).any()


def test_sessions_differ():
    same = torch.randn(1, 1, 40, 40).expand(16, -1, -1, -1)
    out = augment(same.clone(), [], generator())
    assert len({tuple(face.flatten().tolist()) for face in out}) > 10


def test_mirrored_normals_are_those_of_the_mirrored_surface():
    y, x = np.mgrid[:32, :32].astype(float) - 15.5
    depth = 0.02 * x**2 - 0.3 * x + 0.1 * y + 3 * np.exp(-((x - 5) ** 2 + y**2) / 20)

    def normals(z):
        slope_y, slope_x = np.gradient(z)
        n = np.stack([-slope_x, slope_y, np.ones_like(z)])
        return n / np.linalg.norm(n, axis=0)

    maps = ("normalmap", "albedo")
    batch = torch.from_numpy(np.concatenate([normals(depth), depth[None]])[None])
    expected = np.concatenate([normals(depth[:, ::-1]), depth[None, :, ::-1]])
    out = mirror(batch, normal_x_channels(maps, [3, 1]))[0].numpy()
    assert np.abs(out - expected).max() < 1e-6


def test_normal_x_channel_follows_the_order_of_the_maps():
    assert normal_x_channels(("normalmap", "albedo", "depthmap"), [3, 1, 1]) == [0]
    assert normal_x_channels(("albedo", "normalmap"), [1, 3]) == [1]
    assert normal_x_channels(("albedo", "depthmap"), [1, 1]) == []


def test_random_crop_only_shifts():
    ramp = torch.arange(100.0).expand(1, 1, 100, 100).repeat(64, 1, 1, 1)
    out = augment(ramp, [], generator(3))
    centre = out[:, 0, 50, 45:55]
    steps = centre.diff(dim=1)
    whole = (steps.abs() == 1).all(dim=1)  # neither noise nor anything but a shift or a mirror
    assert whole.float().mean() > 0.5
    moved = centre[whole & (steps[:, 0] == 1), 5] - 50
    assert moved.abs().max() <= 6
    assert moved.unique().numel() > 3


def test_same_generator_same_augmentation():
    batch = torch.randn(4, 2, 32, 32)
    assert torch.equal(augment(batch, [0], generator(7)), augment(batch, [0], generator(7)))
