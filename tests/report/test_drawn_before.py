"""Pictures that are not drawn twice."""

import numpy as np
import pytest

from psface.captures.capture import Capture
from psface.report.drawn_before import shows
from psface.report.rigs_used import draw_rigs
from psface.report.trust_picture import draw_doubted


def captures(count, tilt=0.6):
    lights = np.array([[0, 0, 1.0], [tilt, 0, 0.8], [0, 0.6, 0.8], [-0.6, 0, 0.8]])
    frames = tuple(map(str, range(4)))
    return [Capture("0001", f"s{i}", frames, lights, {}, digest="d") for i in range(count)]


def test_a_picture_says_what_it_was_drawn_from(tmp_path):
    path = tmp_path / "trust.png"
    assert not shows(path, "one")
    draw_doubted([], path, "one")
    assert shows(path, "one") and not shows(path, "another")
    path.write_bytes(path.read_bytes()[:-200])  # cut off
    assert not shows(path, "one")


@pytest.mark.parametrize("more", [0, 1])
def test_a_rig_is_drawn_again_only_if_it_changes(tmp_path, more):
    path, fresh = tmp_path / "rig.png", tmp_path / "fresh.png"
    draw_rigs(captures(3), path)
    before = path.stat()
    draw_rigs(captures(3 + more), path)  # more captures of the same rig
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    draw_rigs(captures(3 + more), fresh)
    assert path.read_bytes() == fresh.read_bytes()
    draw_rigs(captures(3, tilt=0.5), path)
    assert path.read_bytes() != fresh.read_bytes()
