import numpy as np
import pytest

from psface.errors import UserError
from psface.stereo.integrators.frankot_chellappa import frankot_chellappa
from psface.stereo.integrators.integrators import INTEGRATORS, integrator
from psface.stereo.integrators.least_squares import least_squares
from tests.shapes import grid, normals_of_slopes, sphere

HEIGHT, WIDTH = 60, 80


def plane():
    x, y = grid(HEIGHT, WIDTH)
    return 0.5 * x - 0.3 * y, normals_of_slopes(np.full_like(x, 0.5), np.full_like(x, -0.3))


def paraboloid():
    """Its borders differ by up to 40 px."""
    x, y = grid(HEIGHT, WIDTH)
    z = 0.004 * (x + 20) ** 2 - 0.006 * (y - 10) ** 2
    return z, normals_of_slopes(0.008 * (x + 20), -0.012 * (y - 10))


def cap():
    """The flat top of a large sphere, higher on one side."""
    x, y = grid(HEIGHT, WIDTH)
    x = x - 15
    z = np.sqrt(90**2 - x**2 - y**2)
    return z, np.stack([x, y, z]) / 90


def error(found: np.ndarray, true: np.ndarray, mask: np.ndarray) -> float:
    """Mean absolute error; an offset cannot be seen."""
    difference = (found - true)[mask]
    return float(np.abs(difference - np.median(difference)).mean())


EVERYWHERE = np.ones((HEIGHT, WIDTH), bool)
DISC = np.hypot(*grid(HEIGHT, WIDTH)) < 28
WITH_HOLE = EVERYWHERE & ~(np.hypot(*grid(HEIGHT, WIDTH)) < 12)
integrators = pytest.mark.parametrize(
    "integrate", [integrator(name) for name in INTEGRATORS], ids=INTEGRATORS
)
surfaces = pytest.mark.parametrize("surface", [plane, paraboloid, cap])


@surfaces
@integrators
def test_a_surface_whose_borders_differ_does_not_bow(integrate, surface):
    depth, normal = surface()
    assert error(integrate(normal, EVERYWHERE), depth, EVERYWHERE) < 0.03


@surfaces
@pytest.mark.parametrize("mask", [DISC, WITH_HOLE], ids=["disc", "hole"])
def test_least_squares_assumes_nothing_at_the_outline(surface, mask):
    depth, normal = surface()
    assert error(least_squares(normal, mask), depth, mask) < 0.002
    assert error(least_squares(normal, mask), depth, mask) < error(
        frankot_chellappa(normal, mask), depth, mask
    )


@pytest.mark.parametrize("mask", [EVERYWHERE, DISC, WITH_HOLE], ids=["all", "disc", "hole"])
def test_least_squares_of_a_plane_is_exact(mask):
    depth, normal = plane()
    assert error(least_squares(normal, mask), depth, mask) < 2e-3


@integrators
def test_a_bump_is_nearest_in_the_middle(integrate):
    """A nose is nearer than a cheek."""
    x, y = grid(HEIGHT, WIDTH)
    z = 8 * np.exp(-(x**2 + y**2) / 200)
    depth = integrate(normals_of_slopes(-x / 100 * z, -y / 100 * z), EVERYWHERE)
    assert depth[HEIGHT // 2, WIDTH // 2] == pytest.approx(depth.max(), abs=0.1)
    assert depth.max() - depth[0, 0] == pytest.approx(8, abs=0.3)


@pytest.mark.parametrize(("slope", "nearer"), [((1, 0), "right"), ((0, 1), "top")])
@integrators
def test_the_signs_of_the_slopes(integrate, slope, nearer):
    normal = normals_of_slopes(*(np.full((HEIGHT, WIDTH), 0.5 * s) for s in slope))
    depth = integrate(normal, EVERYWHERE)
    if nearer == "right":
        assert (np.diff(depth, axis=1).mean(), np.abs(np.diff(depth, axis=0)).max()) == (
            pytest.approx(0.5, abs=0.02),
            pytest.approx(0, abs=0.02),
        )
    else:
        assert np.diff(depth, axis=0).mean() == pytest.approx(-0.5, abs=0.02)


@integrators
def test_a_half_sphere_in_its_outline(integrate):
    normal, depth, mask = sphere(90, 40)
    inner = mask & (normal[2] > 0.3)
    found = integrate(normal, mask)
    assert np.corrcoef(found[inner], depth[inner])[0, 1] > 0.99
    assert (found[~mask] == 0).all()
    assert np.median(found[mask]) == pytest.approx(0, abs=1e-3)


@integrators
@pytest.mark.parametrize("pixels", [0, 1])
def test_nothing_to_integrate(integrate, pixels):
    mask = np.zeros((9, 7), bool)
    mask.flat[20 : 20 + pixels] = True
    depth = integrate(np.full((3, 9, 7), 3**-0.5), mask)
    assert depth.shape == (9, 7) and (depth == 0).all()


def test_parts_that_do_not_touch_are_each_right():
    depth, normal = paraboloid()
    x, _ = grid(HEIGHT, WIDTH)
    mask = np.abs(x) > 5
    found = least_squares(normal, mask)
    for side in (mask & (x < 0), mask & (x > 0)):
        assert error(found, depth, side) < 0.01


@integrators
def test_normals_that_face_away_stay_finite(integrate):
    normal = np.random.default_rng(0).normal(size=(3, HEIGHT, WIDTH))
    normal /= np.linalg.norm(normal, axis=0)
    assert np.isfinite(integrate(normal, DISC)).all()


def test_iterations_that_do_not_converge_are_reported(monkeypatch):
    monkeypatch.setattr("psface.stereo.integrators.least_squares.MAX_ITERATIONS", 1)
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(3, HEIGHT, WIDTH))
    normal[2] = 0.3
    with pytest.raises(UserError, match="did not converge in 1 iterations; set stereo"):
        least_squares(
            normal / np.linalg.norm(normal, axis=0), DISC | (rng.random(DISC.shape) < 0.5)
        )
