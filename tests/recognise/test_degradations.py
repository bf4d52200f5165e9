"""Each degradation does what its unit says, where it says."""

import cv2
import numpy as np
import pytest

from psface.captures.capture import NO_LIGHTS, Pixels
from psface.faces.alignment import TEMPLATE, crop_image, similarity
from psface.recognise.degradations import DEGRADATIONS, eye_distance
from psface.stereo.normals import photometric_stereo
from tests.shapes import FOUR_LIGHTS, lit, sphere

LANDMARKS = TEMPLATE * 160 + [20, 30]


def textured(size: int = 200, channels: int = 0) -> np.ndarray:
    shape = (size, size, channels) if channels else (size, size)
    noise = np.random.default_rng(0).random(shape, np.float32)
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 1.5) * 3 - 1, 0.05, 0.95)


def degraded(name: str, severity: float, image: np.ndarray) -> np.ndarray:
    grey = image if image.ndim == 2 else image.mean(axis=2)
    colours = image if image.ndim == 3 else None
    capture = Pixels(grey[None], colours, NO_LIGHTS, None)
    out = DEGRADATIONS[name].apply(capture, LANDMARKS, severity)
    assert out.grey.shape == (1, *grey.shape) and out.grey.dtype == np.float32
    assert out.grey.min() >= -1e-4 and out.grey.max() <= 1 + 1e-4
    return out.grey[0] if colours is None else out.colour


@pytest.mark.parametrize("name", list(DEGRADATIONS))
@pytest.mark.parametrize("channels", [0, 3])
def test_each_changes_the_picture_more_the_harder_it_is(name, channels):
    image = textured(channels=channels)
    changes = [
        np.abs(degraded(name, severity, image) - image).mean()
        for severity in DEGRADATIONS[name].severities
    ]
    assert changes[0] > 1e-4
    if name != "rotation":
        assert changes == sorted(changes)


def test_blur_is_a_gaussian_of_a_share_of_the_eyes_distance():
    point = np.zeros((201, 201), np.float32)
    point[100, 100] = 1.0
    out = degraded("blur", 0.06, point)
    rows = np.arange(201) - 100
    sigma = np.sqrt((out.sum(axis=1) * rows**2).sum() / out.sum())
    assert sigma == pytest.approx(0.06 * eye_distance(LANDMARKS), rel=0.05)


def test_noise_is_so_many_grey_levels_and_the_same_each_time():
    grey = np.full((200, 200), 0.5, np.float32)
    out = degraded("noise", 10, grey)
    assert 255 * out.std() == pytest.approx(10, rel=0.03)
    np.testing.assert_array_equal(out, degraded("noise", 10, grey))
    grey[-1] = 0.6  # another picture, of which the first rows are the same
    assert np.abs(degraded("noise", 10, grey)[:100] - out[:100]).mean() > 0.01
    assert (out * 255 - np.round(out * 255)).max() == pytest.approx(0, abs=1e-4)


def test_low_light_divides_and_low_resolution_removes_detail():
    image = textured()
    assert degraded("low light", 4, image).mean() == pytest.approx(image.mean() / 4, rel=0.02)
    small = degraded("low resolution", 10, image)
    factor = eye_distance(LANDMARKS) / 10
    assert np.abs(np.diff(small)).mean() < 2 / factor * np.abs(np.diff(image)).mean()
    np.testing.assert_array_equal(degraded("low resolution", 500, image), image)


def test_a_mask_covers_the_lower_face_alone_and_spectacles_the_eyes_alone():
    image = textured()
    matrix = similarity(LANDMARKS, 100)
    for name, severity, inside, outside in (
        ("lower-face mask", 0.4, (slice(75, 90), slice(40, 60)), (slice(0, 55), slice(0, 100))),
        ("spectacles", 1.0, (slice(44, 48), slice(30, 36)), (slice(66, 100), slice(0, 100))),
    ):
        change = crop_image(np.abs(degraded(name, severity, image) - image), matrix, 100)
        assert change[inside].min() > 0 and change[outside].max() < 0.01


def test_a_turned_capture_has_turned_lights():
    """Stereo on the turned frames with the turned lights gives the turned normals."""
    normal, _, mask = sphere(128, 50)
    frames = lit(normal, FOUR_LIGHTS, np.full(mask.shape, 0.8) * mask).astype(np.float32)
    capture = Pixels(frames, None, np.asarray(FOUR_LIGHTS, float), np.float64(LANDMARKS))
    middle = LANDMARKS - LANDMARKS.mean(axis=0) + 63.5
    out = DEGRADATIONS["rotation"].apply(capture, middle, 30)
    found, _ = photometric_stereo(out.grey, out.lights, False)
    # A ball looks the same from where it is turned to: its normals stay in their places.
    inside = cv2.erode(mask.astype(np.uint8), np.ones((15, 15))) > 0
    cosine = (found * normal).sum(axis=0)[inside]
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean() < 1.5
    wrong, _ = photometric_stereo(out.grey, capture.lights, False)
    assert np.degrees(np.arccos(np.clip((wrong * normal).sum(axis=0)[inside], -1, 1))).mean() > 8
    assert out.landmarks.shape == (5, 2) and np.abs(out.landmarks - LANDMARKS).max() > 5
