"""The page of a capture: what a browser draws of it, against numpy; and what it says."""

import base64
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from psface.captures.discovery import read_capture_at
from psface.liveness.looking import CROP, STEREO
from psface.report.capture_view import write_view
from psface.report.found_capture import read_shown
from psface.report.shown_capture import ShownCapture, shown_of
from psface.rig.response import encoded
from psface.stereo.compute import compute_maps
from tests.browser import answer

LAMPS = [(0, 0), (300, 50), (110, 75)]  # azimuth and slant in degrees
DRAWN = """
  const frames = () => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)));
  const put = async (values) => {
    for (const [id, value] of Object.entries(values)) {
      document.getElementById(id).value = value;
      document.getElementById(id).dispatchEvent(new Event("input"));
    }
    await frames();
  };
  while (!document.body.dataset.ready) await frames();
  const picture = (id) => document.getElementById(id).toDataURL();
"""


@pytest.fixture(scope="module")
def shown(simulated) -> ShownCapture:
    return read_shown(next(simulated.rglob("LightSource.m")).parent)


@pytest.fixture(scope="module")
def page(shown, tmp_path_factory):
    path = tmp_path_factory.mktemp("view") / "view.html"
    write_view(shown, path)
    return path


def image_of(uri: str) -> np.ndarray:
    """RGBA."""
    data = np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)


def relit(shown: ShownCapture, azimuth: float, slant: float) -> np.ndarray:
    """The face under a distant lamp, (H, W, 3) as shown on a screen, in [0, 255]."""
    a, s = np.radians([azimuth, slant])
    lamp = np.array([np.sin(s) * np.sin(a), np.sin(s) * np.cos(a), np.cos(s)], np.float32)
    shading = np.maximum(np.tensordot(lamp, shown.maps.normal, 1), 0)
    return 255 * encoded(np.clip(shown.albedo * shading[..., None], 0, 1), "srgb")


def test_the_face_is_relit_as_numpy_does(shown, page, tmp_path):
    asked = (
        DRAWN
        + f"""
      const pictures = [];
      for (const [azimuth, slant] of {[list(lamp) for lamp in LAMPS]}) {{
        await put({{ azimuth, slant }});
        pictures.push(picture("face"));
      }}
      return pictures;"""
    )
    pictures, console = answer(page, asked, tmp_path)
    assert console == []
    rows, columns = (np.flatnonzero(shown.maps.mask.any(axis=axis)) for axis in (1, 0))
    for lamp, drawn in zip(LAMPS, map(image_of, pictures), strict=True):
        seen = drawn[..., 3] > 0
        inside = shown.maps.mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        top, left = (np.flatnonzero(seen.any(axis=axis))[0] for axis in (1, 0))
        height, width = inside.shape
        found = drawn[top : top + height, left : left + width]
        assert (found[..., 3] > 0).tolist() == inside.tolist()

        def error(azimuth, slant, found=found, inside=inside):
            image = relit(shown, azimuth, slant)
            expected = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            return np.abs(found[..., :3] - expected)[inside]

        # Normals have eight bits on the page, which tells most where it is dark.
        assert error(*lamp).mean() < 1 and np.quantile(error(*lamp), 0.99) < 6
        assert error(lamp[0] + 40, lamp[1] + 10).mean() > 5


def test_the_surface_is_what_the_camera_saw_until_it_is_turned(shown, page, tmp_path):
    asked = (
        DRAWN
        + """
      const plain = document.getElementById("plain");
      const drawn = [];
      for (const turn of [0, 40, -40]) {
        await put({ turn, tilt: 0, azimuth: 0, slant: 0 });
        drawn.push(picture("surface"));
      }
      await put({ turn: 0, tilt: 30 });
      drawn.push(picture("surface"));
      return drawn;"""
    )
    drawn, console = answer(page, asked, tmp_path)
    assert console == []
    front, right, left, above = (image_of(uri) for uri in drawn)
    seen = front[..., 3] > 0
    rows, columns = np.nonzero(seen)
    box = seen[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    inside = np.argwhere(shown.maps.mask)
    (top, first), (bottom, last) = inside.min(axis=0), inside.max(axis=0) + 1
    mask = shown.maps.mask[top:bottom, first:last].astype(np.uint8)
    mask = cv2.resize(mask, box.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    assert (box == mask).mean() > 0.97
    image = relit(shown, 0, 0)[top:bottom, first:last]
    image = cv2.resize(image, box.shape[::-1], interpolation=cv2.INTER_AREA)
    colours = front[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1, :3]
    assert np.median(np.abs(colours - image)[box & mask]) < 4

    for image, turn, tilt in ((front, 0, 0), (right, 40, 0), (left, -40, 0), (above, 0, 30)):
        drawn, expected = image[..., 3] > 0, silhouette(shown, turn, tilt, len(image))
        assert (drawn & expected).sum() / (drawn | expected).sum() > 0.93


def silhouette(shown: ShownCapture, turn: float, tilt: float, size: int) -> np.ndarray:
    """Where the surface is seen, turned to the right and tilted forwards, (size, size) bool."""
    points = shown.surface.points[:, shown.maps.mask].astype(np.float64)
    points -= (points.min(axis=1) + points.max(axis=1))[:, None] / 2
    points /= np.linalg.norm(points, axis=0).max()
    t, p = np.radians([turn, tilt])
    across = np.array([[np.cos(t), 0, np.sin(t)], [0, 1, 0], [-np.sin(t), 0, np.cos(t)]])
    down = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    x, y, _ = down @ across @ points
    drawn = np.zeros((size, size), np.uint8)
    reach = 0.97 * size / 2
    drawn[(size / 2 - reach * y).astype(int), (size / 2 + reach * x).astype(int)] = 1
    return cv2.morphologyEx(drawn, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0


def test_a_lamp_of_the_rig_can_be_chosen(shown, page, tmp_path):
    asked = (
        DRAWN
        + """
      const value = (id) => Number(document.getElementById(id).value);
      const found = [];
      for (const button of document.querySelectorAll("[data-lamp]")) {
        button.click();
        const pressed = document.querySelectorAll("[aria-pressed=true]");
        found.push([value("azimuth"), value("slant"), pressed.length, pressed[0] === button]);
      }
      return found;"""
    )
    found, console = answer(page, asked, tmp_path)
    assert console == [] and len(found) == len(shown.lights)
    for (azimuth, slant, pressed, its_own), light in zip(found, shown.lights, strict=True):
        x, y, z = light
        assert azimuth == pytest.approx(np.degrees(np.arctan2(x, y)) % 360, abs=0.51)
        assert slant == pytest.approx(np.degrees(np.arctan2(np.hypot(x, y), z)), abs=0.51)
        assert pressed == 1 and its_own


def test_dragging_moves_the_lamp_and_turns_the_surface(page, tmp_path):
    asked = (
        DRAWN
        + """
      const drag = async (id, from, to) => {
        const element = document.getElementById(id), box = element.getBoundingClientRect();
        element.setPointerCapture = () => {};
        element.hasPointerCapture = () => true;
        for (const [type, [x, y]] of [["pointerdown", from], ["pointermove", to]]) {
          const at = { clientX: box.left + x * box.width, clientY: box.top + y * box.height };
          const touch = { pointerId: 1, pointerType: "touch", ...at };
          element.dispatchEvent(new PointerEvent(type, touch));
        }
        await frames();
      };
      const value = (id) => Number(document.getElementById(id).value);
      await drag("relit", [0.5, 0.5], [0.5, 0.4]);
      const up = [value("azimuth"), value("slant")];
      await drag("dome", [0.5, 0.5], [0.9, 0.5]);
      const right = [value("azimuth"), value("slant")];
      await put({ turn: 0, tilt: 0 });
      await drag("turned", [0.2, 0.5], [0.4, 0.45]);
      return [up, right, [value("turn"), value("tilt")]];"""
    )
    (up, right, turned), console = answer(page, asked, tmp_path)
    assert console == []
    assert up[0] in (0, 360) and 10 < up[1] < 40
    assert right[0] == 90 and 60 < right[1] <= 90
    assert turned == [36, -9]


def test_the_page_is_small_and_asks_for_nothing(shown, page):
    text = page.read_text(encoding="utf-8")
    assert len(text) < 2e6 and shown.maps.mask.shape == (480, 360)
    assert "default-src 'none'" in text
    addresses = re.findall(r"""(?:src|href)=["']([^"']*)""", text) + re.findall(
        r"url\(([^)]*)", text
    )
    assert addresses and all(address.startswith("data:") for address in addresses)
    assert not re.search(r"https?://|fetch\(|XMLHttpRequest|import\(", text)


def test_doubts_are_told_with_their_remedies(shown, tmp_path):
    def text(**changes):
        write_view(replace(shown, **changes), tmp_path / "view.html")
        return (tmp_path / "view.html").read_text(encoding="utf-8")

    assert "Frames, lamps and face agree" in text() and "Remedy:" not in text()
    assert "mirrored, are not noticed" not in text()
    faceless = text(face=None)
    assert "mirrored, are not noticed" in faceless and "agree" not in faceless
    found = shown.maps.notes["trust"].replace(
        '"warnings": []',
        '"warnings": [{"code": "clipped", "message": "31% of <it>", "remedy": "expose less"}]',
    )
    doubted = text(maps=replace(shown.maps, notes={"trust": found}))
    assert "31% of &lt;it&gt;. Remedy: expose less." in doubted
    assert "The maps do not tell" in text(maps=replace(shown.maps, notes={}))
    assert "Unknown: a map file" in text(lights=np.empty((0, 3)), frames=None)


def test_mirrored_lamps_are_told_by_the_face(simulated, tmp_path):
    """No frame contradicts another: the surface is turned inside out, as a whole."""
    capture = read_capture_at(next(simulated.rglob("LightSource.m")).parent)
    flipped = replace(capture, lights=capture.lights * [1, -1, 1], rig=None)
    maps = compute_maps(flipped.pixels(), STEREO)
    seen = shown_of(flipped, maps, CROP)
    assert not seen.trust.warnings and [doubt.code for doubt in seen.doubts] in (
        ["lamps-flipped"],
        ["lamps-order"],
    )
    write_view(seen, tmp_path / "view.html")
    assert seen.doubts[0].code in (tmp_path / "view.html").read_text(encoding="utf-8")


def test_names_are_text(shown, tmp_path):
    write_view(replace(shown, name="<b>&</script>"), tmp_path / "view.html")
    text = (tmp_path / "view.html").read_text(encoding="utf-8")
    assert "<b>" not in text and text.count("&lt;b&gt;&amp;&lt;/script&gt;") == 2
