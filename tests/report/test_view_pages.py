"""Which captures of a data set have a page."""

from dataclasses import replace

import pytest

from psface.liveness.looking import CROP
from psface.report.view_pages import SHOWN, write_views
from psface.stereo.map_files import write_maps
from psface.stereo.map_folder import MapFolder
from tests.shapes import FOUR_LIGHTS, sphere


@pytest.fixture
def data(tmp_path):
    """More captures than are shown, each of one ball, without their frames."""
    from psface.captures.capture import Capture
    from psface.stereo.map_files import Maps

    normal, depth, mask = sphere(24, 9)
    maps = Maps(normal, 0.5 * mask, depth, mask)
    captures = [
        Capture(f"p{i // 2}", f"c{i % 2}", ("gone.png",) * 4, FOUR_LIGHTS) for i in range(30)
    ]
    for capture in captures:
        path = MapFolder(tmp_path / "maps").file_of(capture.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_maps(path, maps)
    return captures, maps, tmp_path


def pages(out) -> set[str]:
    return {path.relative_to(out).with_suffix("").as_posix() for path in out.rglob("*.html")}


def test_the_worst_and_some_others_have_a_page(data):
    captures, maps, folder = data
    out = folder / "views"
    worst = captures[20:29]
    assert write_views(worst, captures, MapFolder(folder / "maps"), CROP, out) == SHOWN
    assert {c.key for c in worst[: SHOWN // 2]} < pages(out) and len(pages(out)) == SHOWN
    assert "p0/c0" in pages(out)
    # What another run wrote is gone; maps that show nothing have no page.
    write_maps(
        MapFolder(folder / "maps").file_of(captures[1].key), replace(maps, mask=maps.mask & False)
    )
    assert write_views([], captures[:3], MapFolder(folder / "maps"), CROP, out) == 2
    assert pages(out) == {"p0/c0", "p1/c0"}
    assert write_views([], [], MapFolder(folder / "maps"), CROP, out) == 0 and out.is_dir()
