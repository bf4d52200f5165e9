"""Lines that everyone can tell apart."""

from itertools import pairwise

import numpy as np
import pytest

from psface.report.palette import BLUE, GREEN, PURPLE, VERMILION, marker, series

COLOURS = (BLUE, VERMILION, GREEN, PURPLE)
PAGES = ("#ffffff", "#14181b")  # as in page.html.j2
# How those see without cones for long and for medium waves: Machado, Oliveira & Fernandes, "A
# physiologically-based model for simulation of color vision deficiency", 2009, at severity 1.
BLIND = (
    ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
     (-0.003882, -0.048116, 1.051998)),
    ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
     (-0.011820, 0.042940, 0.968881)),
)  # fmt: skip


def linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def light(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722]) + 0.05


@pytest.mark.parametrize("page", PAGES)
def test_contrast_with_the_page(page):
    ratios = [light(colour) / light(page) for colour in COLOURS]
    assert min(max(ratio, 1 / ratio) for ratio in ratios) >= 3


@pytest.mark.parametrize("eye", BLIND)
def test_colours_differ_for_the_colour_blind(eye):
    seen = [np.clip(np.array(eye) @ linear(colour), 0, 1) ** (1 / 2.2) for colour in COLOURS]
    apart = [np.abs(a - b).max() for i, a in enumerate(seen) for b in seen[:i]]
    assert min(apart) > 0.1


def test_twenty_lines_differ_and_neighbours_in_all_they_have():
    lines = [(series(i)["color"], series(i)["ls"]) for i in range(20)]
    assert len(set(lines)) == 20
    for one, other in pairwise(lines):
        assert one[0] != other[0] and one[1] != other[1]
    assert len({marker(i) for i in range(5)}) == 5
