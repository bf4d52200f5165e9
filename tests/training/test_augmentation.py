import numpy as np
import torch

from psface.faces.modalities import normal_x_channels
from psface.model.embedding import mirror
from psface.training import augmentation
from psface.training.augmentation import any_frame, moved, patched
from psface.training.draws import Draws


def draws(rows, seed=0):
    return Draws(torch.Generator().manual_seed(seed), slice(0, rows), rows)


def test_each_frame_of_a_capture_is_drawn_alike():
    frames = torch.arange(4.0)[None, :, None, None].expand(400, 4, 5, 5).contiguous()
    out = any_frame(frames, draws(400))
    assert out.shape == (400, 1, 5, 5) and (out == out[:, :, :1, :1]).all()
    counts = torch.bincount(out[:, 0, 0, 0].long(), minlength=4)
    assert counts.min() > 70 and counts.max() < 130
    others = Draws(torch.Generator().manual_seed(0), slice(100, 300), 400)
    assert torch.equal(any_frame(frames[100:300], others), out[100:300])


def test_all_maps_of_a_capture_get_the_same_patch():
    one = torch.randn(16, 1, 40, 40)
    both = torch.cat([one, 2 * one], dim=1)
    out = patched(both, draws(16))
    noise = (out[:, 1] - 2 * out[:, 0]).abs() > 1e-4  # noise is drawn per channel
    share = noise.flatten(1).float().mean(dim=1)
    assert ((share == 0) | (share < 0.13)).all()  # a patch of at most .35 x .35, or nothing
    assert (share == 0).any()
    assert (share > 0).any()


def test_all_maps_of_a_capture_move_alike_and_captures_differ():
    one = torch.rand(16, 1, 40, 40) + 1
    out = moved(torch.cat([one, 2 * one], dim=1), [], draws(16))
    torch.testing.assert_close(out[:, 1], 2 * out[:, 0])
    same = (torch.rand(1, 1, 40, 40) + 1).expand(16, -1, -1, -1)
    assert len({tuple(face.flatten().tolist()) for face in moved(same, [], draws(16))}) > 10


def test_crops_move_by_a_hundredth_of_their_side(monkeypatch):
    monkeypatch.setattr(augmentation, "ROTATION_SD", 0.0)
    monkeypatch.setattr(augmentation, "SIZE_SD", 0.0)
    monkeypatch.setattr(augmentation, "MIRROR_PROBABILITY", 0.0)
    ramp = (1 + torch.arange(100.0)).expand(1, 1, 100, 100).repeat(500, 1, 1, 1)
    by = moved(ramp, [], draws(500))[:, 0, 50, 50] - 51
    assert 0.9 < by.std() < 1.1 and by.mean().abs() < 0.2


def test_normals_turn_with_the_crop(monkeypatch):
    monkeypatch.setattr(augmentation, "MIRROR_PROBABILITY", 0.0)
    monkeypatch.setattr(augmentation, "ROTATION_SD", 0.3)
    y, x = (np.mgrid[:64, :64] - 31.5) / 32

    def depth(x, y):
        return 0.5 * x**2 - 0.3 * x * y + 0.2 * y**2 + 0.4 * x

    def normals(z):
        down, across = np.gradient(z, 1 / 32)
        n = np.stack([-across, down, np.ones_like(z)])
        return n / np.linalg.norm(n, axis=0)

    out = moved(torch.from_numpy(normals(depth(x, y)))[None].float(), [0], draws(1))[0].numpy()
    sideways, down, turn, size = _draws_after_mirror()
    angle, scale = 0.3 * turn, np.exp(augmentation.SIZE_SD * size)
    u = scale * (np.cos(angle) * x - np.sin(angle) * y) + 2 * augmentation.SHIFT_SD * sideways
    v = scale * (np.sin(angle) * x + np.cos(angle) * y) + 2 * augmentation.SHIFT_SD * down
    # The crop's own depth is that of its source, in its own, longer, units.
    expected = normals(depth(u, v) / scale)
    assert np.abs(out - expected)[:, 16:48, 16:48].max() < 0.02


def _draws_after_mirror():
    again = draws(1)
    again.uniform()
    return again.gaussian(4)[0].tolist()


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


def test_what_is_outside_the_face_stays_zero():
    values = torch.zeros(8, 2, 32, 32)
    values[:, :, 8:24, 8:24] = 1 + torch.rand(8, 2, 16, 16)
    out = moved(values, [], draws(8))
    shown = (out != 0).all(1)
    assert torch.equal(shown, (out != 0).any(1))
    assert out[:, 0][shown].min() >= 1 - 1e-5  # no half-values at the outline
    assert 200 < shown.sum((1, 2)).float().mean() < 310


def test_same_generator_same_augmentation():
    batch = torch.randn(4, 2, 32, 32)
    assert torch.equal(moved(batch, [0], draws(4, 7)), moved(batch, [0], draws(4, 7)))
    assert torch.equal(patched(batch, draws(4, 7)), patched(batch, draws(4, 7)))
