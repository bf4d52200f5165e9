"""Live faces and copies of them, by the simulator's rig."""

import math

import numpy as np
import pytest

from psface.attacks.attacks import LIVE, pixels_of, record_attack
from psface.captures.capture import Refusal
from psface.captures.discovery import find_captures
from psface.liveness.looking import CROP, look, seen_face
from psface.liveness.relief import Relief
from psface.liveness.verdict import PICTURE, THRESHOLD, Liveness, liveness
from psface.simulate.true_rig import draw_rig

SMALL = CROP.model_copy(update={"min_face_size": 25})


@pytest.fixture(scope="module")
def rig(settings):
    params = settings.simulate.model_copy(update={"width": 180, "height": 240})
    return params, draw_rig(params, 4)


def scored(rig, kind: str, number: int) -> Liveness | None:
    params, true = rig
    attack = record_attack(kind, params, true, 4, number, 0)
    crop, _ = seen_face(pixels_of(attack, true.file()), SMALL)
    return None if crop is None else liveness(crop)


@pytest.mark.parametrize(
    "kind", ["flat print", "bent print", "bent glossy print", "cut-out print", "screen"]
)
def test_copies_without_relief_are_not_live(rig, kind):
    seen = [scored(rig, kind, number) for number in range(2)]
    for live in filter(None, seen):
        assert live.verdict(THRESHOLD) == "no" and live.score < 0.28
        assert live.reason(THRESHOLD) and live.reason(0.0) == ""
    if kind != "screen":
        assert None not in seen
    if kind == "flat print":
        assert all("one picture" in live.reason(THRESHOLD) for live in seen if live)


def test_a_video_in_another_order_is_not_live(rig):
    for number in range(2):
        live = scored(rig, "video, other order", number)
        assert live is not None and live.verdict(THRESHOLD) == "no"


@pytest.mark.parametrize("kind", [LIVE, "mask of a mean face", "mask of the person"])
def test_what_has_the_relief_of_a_face_passes(rig, kind):
    live = scored(rig, kind, 0)
    assert live is not None and live.verdict(THRESHOLD) == "yes" and live.score > 0.45


def test_captures_are_judged_and_pictures_are_not(simulated, tmp_path):
    (tmp_path / "note.txt").write_text("no picture")
    frame = next(simulated.rglob("im0.bmp"))
    (tmp_path / "cut.bmp").write_bytes(frame.read_bytes()[:300])
    folder = simulated / "Photometric_DB" / "0001"
    seen = list(look(find_captures([folder, frame, tmp_path / "cut.bmp"])))
    *captures, picture, cut = seen
    assert len(captures) == 2 and all(item.live.score > 0.5 for item in captures)
    assert picture.live is PICTURE and "cannot tell" in picture.live.reason(THRESHOLD)
    assert isinstance(cut, Refusal) and "cut.bmp" in cut.reason and "\n" not in cut.reason


def test_untold_is_neither_live_nor_not():
    little = Liveness(math.nan, Relief(5, *[math.nan] * 4))
    for live in (PICTURE, little):
        assert live.verdict(0.0) == "" and live.reason(0.0).startswith("cannot tell")


def test_real_faces_are_live_and_planes_with_their_pictures_are_not(shared_data):
    from psface.attacks.relit_copies import relit
    from psface.captures.capture import Pixels
    from psface.captures.discovery import read_capture_at

    folder = shared_data / "photoface" / "Photometric_DB" / "1001" / "2008-03-01_07-57-06"
    pixels = read_capture_at(folder).pixels()
    crop, _ = seen_face(pixels)
    assert crop is not None and liveness(crop).verdict(THRESHOLD) == "yes"
    rng = np.random.default_rng(0)
    for kind in ("flat print", "bent print"):
        _, frames = relit(kind, pixels.grey, pixels.lights, rng)
        crop, _ = seen_face(Pixels(frames, None, pixels.lights, None))
        assert crop is not None and liveness(crop).score < 0.1
