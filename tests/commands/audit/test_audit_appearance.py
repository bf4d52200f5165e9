"""Brightness, contrast, colour and blur: against plain formulas and known blur."""

import cv2
import numpy as np
import pytest
from scipy.special import erf

from psface.commands.audit.appearance import SIDE, appearance, blur, face_crop, face_mask
from psface.commands.audit.degraded import blurred, taken
from psface.faces.alignment import TEMPLATE, similarity

POINTS = TEMPLATE * 224 + [30, 10]


def plain_chroma(rgb) -> float:
    """CIELAB chroma of a colour in [0, 1], by the definitions of sRGB and CIE 1976 under D65."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    matrix = [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169],
              [0.019334, 0.119193, 0.950227]]  # fmt: skip
    xyz = [sum(m * c for m, c in zip(row, linear, strict=True)) for row in matrix]
    x, y, z = (
        v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116
        for v in (xyz[0] / 0.950456, xyz[1], xyz[2] / 1.088754)
    )
    return float(np.hypot(500 * (x - y), 200 * (y - z)))


@pytest.mark.parametrize("colour", [(200, 150, 120), (90, 90, 90), (30, 60, 200)])
def test_a_plain_surface(colour):
    image = np.full((300, 280, 3), colour, np.uint8)
    looks = appearance(image, POINTS)
    red, green, blue = (c / 255 for c in colour)
    assert looks.brightness == pytest.approx(0.299 * red + 0.587 * green + 0.114 * blue, abs=0.005)
    assert looks.contrast == pytest.approx(0, abs=1e-3)
    assert looks.colour == pytest.approx(plain_chroma((red, green, blue)), abs=0.6)
    assert looks.blur == np.inf  # nothing in it is sharp


def test_contrast_is_of_the_face_alone():
    image = np.zeros((300, 280, 3), np.uint8)
    matrix = cv2.invertAffineTransform(similarity(POINTS, SIDE))
    inside = face_mask(SIDE)
    for row, column in np.argwhere(cv2.dilate(inside.astype(np.uint8), np.ones((5, 5)))):
        x, y = np.round(matrix @ [column, row, 1]).astype(int)
        image[y - 2 : y + 3, x - 2 : x + 3] = 100 if column < 56 else 200
    looks = appearance(image, POINTS)
    assert looks.contrast == pytest.approx(100 / 255, abs=0.01)


def test_bit_depth_and_size_change_nothing(person, picture):
    eight = appearance(picture, person.landmarks)
    sixteen = appearance(picture.astype(np.uint16) * 257, person.landmarks)
    larger = cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    double = appearance(larger, person.landmarks * 2 + 0.5)
    for other, tolerance in ((sixteen, 1e-4), (double, 0.02)):
        assert other.brightness == pytest.approx(eight.brightness, abs=tolerance)
        assert other.contrast == pytest.approx(eight.contrast, abs=tolerance)
        assert other.blur == pytest.approx(eight.blur, abs=10 * tolerance)


def test_a_small_face_is_not_enlarged(person, picture):
    small = cv2.resize(picture, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    crop = face_crop(small, person.landmarks * 0.3)
    assert 60 < len(crop) < 80
    assert appearance(small, person.landmarks * 0.3).blur < 1


@pytest.mark.parametrize("sigma", [0.6, 1.0, 1.5, 2.5, 3.5])
@pytest.mark.parametrize("angle", [0, 37, 90])
def test_blur_of_an_edge_is_its_own(sigma, angle):
    """And that of the pixels its slope is measured over, which matters less the larger it is."""
    y, x = np.indices((112, 112)) - 55.3
    along = x * np.cos(np.radians(angle)) + y * np.sin(np.radians(angle))
    edge = (0.3 + 0.2 * erf(along / np.sqrt(2) / sigma)).astype(np.float32)
    found = blur(edge, face_mask(112))
    assert sigma < found < np.hypot(sigma, 1.15)
    assert blur(edge * 2, face_mask(112)) == pytest.approx(found, rel=1e-3)


def test_blur_of_simulated_faces(settings, person):
    matrix = similarity(person.landmarks, SIDE)
    scale = np.hypot(matrix[0, 0], matrix[1, 0])
    rng = np.random.default_rng(2)
    limit = settings.audit.max_blur
    for noise in (1.5, 8):
        found = [
            appearance(taken(blurred(person.image, s / scale), noise, rng), person.landmarks).blur
            for s in (0, 0.5, 1, 1.5, 2, 3)
        ]
        assert found == sorted(found)
        assert found[1] < limit < found[4]
        assert found[3:5] == pytest.approx([1.5, 2], abs=0.5)


def test_a_face_half_out_of_the_picture(picture, person):
    moved = person.landmarks - [person.landmarks[:, 0].mean(), 0]
    looks = appearance(np.ascontiguousarray(picture[:, 180:]), moved)
    assert np.isfinite([looks.brightness, looks.contrast, looks.colour, looks.blur]).all()
