import cv2
import numpy as np
import pytest

from psface.captures.images import read_frame
from psface.stereo.normals import MIN_SPAN, SATURATED, SHADOW, photometric_stereo, usable_lights
from tests.shapes import FOUR_LIGHTS, angle, lit, sphere


def reference(intensity: np.ndarray, lights: np.ndarray) -> np.ndarray:
    """Albedo times normal of one pixel, by the rule in words, one light at a time.

    Lights in shadow or saturated are left out. If fewer than three are left, the brightest of
    those come back. If what is left does not span space, every light is used.
    """
    used = [
        i
        for i, value in enumerate(intensity)
        if value < SATURATED and value >= np.float32(SHADOW) * intensity.max()
    ]
    for i in sorted(set(range(len(lights))) - set(used), key=lambda i: -intensity[i]):
        if len(used) < 3:
            used.append(i)
    used = sorted(used)

    def span(chosen: list[int]) -> float:
        return np.linalg.det(lights[chosen].T @ lights[chosen]) / len(chosen) ** 3

    if span(used) <= MIN_SPAN * span(list(range(len(lights)))):
        used = list(range(len(lights)))
    return np.linalg.lstsq(lights[used], intensity[used].astype(float), rcond=None)[0]


def random_lights(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    around = 2 * np.pi * (np.arange(n) + rng.random(n) * 0.5) / n
    slant = np.radians(rng.uniform(25, 50, n))
    return np.stack(
        [np.sin(slant) * np.cos(around), np.sin(slant) * np.sin(around), np.cos(slant)], axis=1
    )


@pytest.mark.parametrize("n", [3, 4, 5, 8, 20])
def test_every_pixel_is_the_least_squares_of_its_usable_lights(n):
    """On intensities that no surface would give, so that every case of the rule occurs."""
    rng = np.random.default_rng(n)
    lights = random_lights(n, n)
    frames = rng.random((n, 12, 15)).astype(np.float32)
    frames[rng.random(frames.shape) < 0.25] *= 0.05
    frames += (1 - frames) * 0.991 * (rng.random(frames.shape) < 0.15)
    normal, albedo = photometric_stereo(frames, lights)
    for row, column in np.ndindex(12, 15):
        g = reference(frames[:, row, column], lights)
        found = albedo[row, column] * normal[:, row, column]
        np.testing.assert_allclose(found, g, rtol=2e-3, atol=2e-3)


def test_all_lights_are_used_on_demand():
    frames = np.random.default_rng(0).random((6, 5, 4)).astype(np.float32)
    lights = random_lights(6, 1)
    normal, albedo = photometric_stereo(frames, lights, exclude_shadows=False)
    g = np.linalg.lstsq(lights, frames.reshape(6, -1).astype(float), rcond=None)[0]
    np.testing.assert_allclose((albedo * normal).reshape(3, -1), g, atol=1e-5)


@pytest.mark.parametrize("n", [3, 4, 7])
@pytest.mark.parametrize("exclude", [True, False])
def test_a_surface_without_shadow_is_exact(n, exclude):
    normal, _, mask = sphere(41, 60)  # the flat top of a large sphere: every light reaches it
    mask = mask & (normal[2] > 0.9)
    texture = 0.3 + 0.4 * np.random.default_rng(0).random(mask.shape)
    frames = lit(normal, random_lights(n, 2), texture)
    assert (frames[:, mask] > 0.05).all()
    found, albedo = photometric_stereo(frames, random_lights(n, 2), exclude)
    assert angle(found, normal, mask) < 0.05
    np.testing.assert_allclose(albedo[mask], texture[mask], rtol=1e-3)


def test_leaving_out_attached_shadows_helps():
    normal, _, mask = sphere(81, 38)
    frames = lit(normal, FOUR_LIGHTS)
    left_out, _ = photometric_stereo(frames, FOUR_LIGHTS)
    kept, _ = photometric_stereo(frames, FOUR_LIGHTS, exclude_shadows=False)
    three = mask & ((frames > 0.1 * frames.max(axis=0)).sum(axis=0) >= 3)
    assert (three & (frames.min(axis=0) == 0)).sum() > 100
    # Where three lights reach the surface, they tell all; the light in shadow tells a lie.
    assert angle(left_out, normal, three) < 0.1
    assert angle(kept, normal, three) > 1
    assert angle(left_out, normal, mask) < angle(kept, normal, mask)


def test_leaving_out_saturation_helps():
    normal, _, mask = sphere(81, 60)
    mask &= normal[2] > 0.8
    frames = np.minimum(lit(normal, FOUR_LIGHTS, 1.08), 1)
    assert (frames[:, mask] == 1).any(axis=0).mean() > 0.2
    left_out, _ = photometric_stereo(frames, FOUR_LIGHTS)
    kept, _ = photometric_stereo(frames, FOUR_LIGHTS, exclude_shadows=False)
    assert angle(left_out, normal, mask) < 0.5 * angle(kept, normal, mask)


def test_the_signs():
    """A light from above makes the top bright; what faces right has a normal to the right."""
    normal, _, mask = sphere(61, 28)
    lights = random_lights(5, 3)
    above = np.array([0, np.sin(0.7), np.cos(0.7)])
    assert lit(normal, above[None])[0, 10].sum() > 3 * lit(normal, above[None])[0, 50].sum()
    found, _ = photometric_stereo(lit(normal, lights), lights)
    assert found[0, 30, 45] > 0.4 and found[0, 30, 15] < -0.4
    assert found[1, 15, 30] > 0.4 and found[1, 45, 30] < -0.4
    assert found[2, 30, 30] > 0.99
    assert angle(found * np.array([1, -1, 1])[:, None, None], normal, mask) > 30


@pytest.mark.parametrize("exclude", [True, False])
def test_black_pixels_face_the_camera(exclude):
    frames = np.zeros((4, 3, 5), np.float32)
    normal, albedo = photometric_stereo(frames, FOUR_LIGHTS, exclude)
    assert (albedo == 0).all() and (normal[2] == 1).all() and (normal[:2] == 0).all()


def test_normals_are_unit_vectors_and_finite_whatever_the_frames():
    rng = np.random.default_rng(5)
    frames = rng.choice([0, 1e-6, 0.05, 0.5, 1], (4, 40, 40)).astype(np.float32)
    normal, albedo = photometric_stereo(frames, FOUR_LIGHTS)
    assert np.isfinite(normal).all() and np.isfinite(albedo).all()
    np.testing.assert_allclose(np.linalg.norm(normal, axis=0), 1, atol=1e-4)


@pytest.mark.parametrize(
    ("intensity", "used"),
    [
        ([0.5, 0.5, 0.5, 0.5], [1, 1, 1, 1]),
        ([0.5, 0.5, 0.5, 0.04], [1, 1, 1, 0]),
        ([0.5, 0.5, 0.5, 0.06], [1, 1, 1, 1]),
        ([1.0, 0.5, 0.5, 0.5], [0, 1, 1, 1]),
        ([1.0, 0.5, 0.5, 0.05], [1, 1, 1, 0]),
        ([0.5, 0.5, 0.01, 0.02], [1, 1, 0, 1]),
        ([1.0, 1.0, 0.5, 0.02], [1, 1, 1, 0]),
    ],
)
def test_usable_lights(intensity, used):
    relative = np.array([intensity], np.float32)
    assert usable_lights(relative, relative >= SATURATED)[0].tolist() == [bool(u) for u in used]


@pytest.fixture(scope="module")
def ball(shared_data):
    """The real ball of DiLiGenT (Shi et al., CVPR 2016): frames, lights, true normals, mask."""
    folder = shared_data / "diligent_ball"
    intensities = np.loadtxt(folder / "light_intensities.txt")  # (96, 3), red first
    frames = []
    for index, intensity in enumerate(intensities):
        image = cv2.imread(str(folder / f"{index + 1:03d}.png"), cv2.IMREAD_UNCHANGED)
        frames.append((image[..., ::-1] / 65535 / intensity).mean(axis=-1))
    lights = np.loadtxt(folder / "light_directions.txt")
    truth = np.moveaxis(np.load(folder / "normal_gt.npy"), -1, 0)
    return np.float32(frames), lights, truth, read_frame(folder / "mask.png") > 0


def test_a_real_ball(ball):
    frames, lights, truth, mask = ball
    normal, _ = photometric_stereo(frames, lights, exclude_shadows=False)
    assert angle(normal, truth, mask) < 4.4
    flipped = normal * np.array([1, -1, 1])[:, None, None]
    assert angle(flipped, truth, mask) > 40


def test_leaving_out_shadows_helps_on_a_real_ball(ball):
    frames, lights, truth, mask = ball
    normal, _ = photometric_stereo(frames, lights)
    assert angle(normal, truth, mask) < 3.5
