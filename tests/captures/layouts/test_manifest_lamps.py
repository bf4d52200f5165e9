"""Lamps, ambient frames and masks that a manifest names."""

import cv2
import numpy as np
import pandas as pd
import pytest

from psface.captures.capture import Capture, Refusal
from psface.captures.ingest_params import ManifestParams
from psface.captures.layouts.manifest import LANDMARK_COLUMNS
from psface.errors import UserError
from psface.rig.rig import Camera, Lamp, Rig, write_rig
from tests.shapes import FOUR_LIGHTS
from tests.written_captures import SIZE, capture_frames, ingested

pytestmark = pytest.mark.usefixtures("one_process")
CAMERA = Camera(width_px=SIZE, height_px=SIZE, focal_px=(100.0, 100.0))
PLACES = 500 * FOUR_LIGHTS - [0, 0, 700]
NAMES = ("lower left", "b", "c", "d")


class Written:
    """A manifest of the capture ``anna/bad``, and of ``bo/good`` beside it."""

    def __init__(self, settings, tmp_path):
        self.root = tmp_path / "root"
        (self.root / "frames").mkdir(parents=True)
        for name, seed in (("bad", 0), ("good", 1)):
            for number, frame in enumerate(capture_frames(seed)):
                cv2.imwrite(str(self.root / "frames" / f"{name}{number}.png"), frame)
        self.rows = self.frames("anna", "bad")
        self.good = [
            row | dict(zip(("light_x", "light_y", "light_z"), light, strict=True))
            for row, light in zip(self.frames("bo", "good"), FOUR_LIGHTS.tolist(), strict=True)
        ]
        self.params = settings.ingest.model_copy(
            update={"source": "manifest", "root": str(self.root)}
        )
        self.out = tmp_path

    def frames(self, identity: str, name: str) -> list[dict]:
        return [
            {"identity": identity, "session": name, "frame": f"frames/{name}{number}.png"}
            for number in range(4)
        ]

    def add(self, columns: tuple[str, ...], values) -> None:
        for row, given in zip(self.rows, np.reshape(values, (len(self.rows), -1)), strict=True):
            row |= dict(zip(columns, given.tolist(), strict=True))

    def lit(self, lengths=(1, 1, 1, 1)) -> None:
        self.add(("light_x", "light_y", "light_z"), FOUR_LIGHTS * np.reshape(lengths, (4, 1)))

    def placed(self) -> None:
        self.add(tuple(f"position_{axis}_mm" for axis in "xyz"), PLACES)

    def aide(self, role: str, image: np.ndarray, name: str = "") -> None:
        name = name or f"frames/{role}.png"
        cv2.imwrite(str(self.root / name), image)
        self.rows.append({**self.frames("anna", "bad")[0], "frame": name, "role": role})

    def run(self, rig: Rig | None = None, good: bool = True, **manifest) -> Capture | Refusal:
        """What becomes of the capture; the good one is accepted whatever happens to it."""
        changes = {"manifest": ManifestParams(**manifest)}
        if rig is not None:
            write_rig(self.out / "lab.json", rig)
            changes["rig"] = str(self.out / "lab.json")
        rows = self.rows + (self.good if good else [])
        pd.DataFrame(rows).to_csv(self.root / "manifest.csv", index=False)
        params = self.params.model_copy(update=changes)
        accepted, refused = ingested(params, 1, self.out)
        assert [c.key for c in accepted][-1] == "bo/good" or not good
        [item] = [c for c in [*accepted, *refused] if c.identity == "anna"]
        return item


@pytest.fixture
def written(settings, tmp_path) -> Written:
    return Written(settings, tmp_path)


def lamps(names=NAMES, intensities=(1.0, 1.0, 1.0, 1.0)) -> Rig:
    return Rig(
        lamps=tuple(
            Lamp(name=name, direction=tuple(light), intensity=intensity)
            for name, light, intensity in zip(names, FOUR_LIGHTS.tolist(), intensities, strict=True)
        )
    )


def refused(item: Capture | Refusal, *reasons: str) -> None:
    assert isinstance(item, Refusal), item
    assert "manifest.csv: " in item.reason and "\n" not in item.reason
    for reason in reasons:
        assert reason in item.reason


def test_unequal_lengths_are_refused_until_it_is_said_what_they_mean(written):
    lengths = np.array([1, 2, 3, 2.0])
    written.lit(lengths)
    refused(
        written.run(),
        "light directions of length 1 to 3: are these strengths? Give a column intensity, or set "
        "ingest.manifest.light_lengths to intensity or ignored",
    )
    np.testing.assert_allclose(written.run(light_lengths="ignored").lights, FOUR_LIGHTS)
    found = written.run(light_lengths="intensity")
    np.testing.assert_allclose(found.lights, FOUR_LIGHTS * lengths[:, None] / 2)


def test_intensity_is_relative_to_the_mean_whatever_the_lengths(written):
    written.lit([1, 2, 1, 1])
    written.add(("intensity",), [10, 20, 5, 5])
    found = written.run()
    np.testing.assert_allclose(found.lights, FOUR_LIGHTS * [[1], [2], [0.5], [0.5]])
    assert found.rig is None


def test_positions_of_lamps_with_a_rig_of_the_camera(written):
    written.placed()
    written.add(("intensity",), [1, 2, 1, 1])
    rig = Rig(camera=CAMERA, distance_mm=700.0)
    found = written.run(rig)
    assert found.rig.near and [lamp.position_mm for lamp in found.rig.lamps] == [
        tuple(place) for place in PLACES.tolist()
    ]
    assert [lamp.intensity for lamp in found.rig.lamps] == [1, 2, 1, 1]
    np.testing.assert_allclose(
        found.lights, FOUR_LIGHTS * np.array([[1], [2], [1], [1]]) / 1.25, atol=1e-12
    )
    refused(written.run(), "a position needs a rig: its camera or its lamps (ingest.rig)")
    refused(
        written.run(rig.model_copy(update={"distance_mm": None})),
        "lamps with positions need distance_mm",
    )


def test_positions_in_metres(written):
    written.add(tuple(f"position_{axis}_mm" for axis in "xyz"), PLACES / 1000)
    refused(
        written.run(Rig(camera=CAMERA, distance_mm=700.0)), "lamp 1 is", "are these metres? give mm"
    )


def test_lamps_by_their_names_in_the_rig(written):
    order = [2, 0, 3, 1]
    written.add(("lamp",), [NAMES[i] for i in order])
    found = written.run(lamps(intensities=(1.0, 2.0, 3.0, 2.0)))
    assert [lamp.name for lamp in found.rig.lamps] == [NAMES[i] for i in order]
    wanted = FOUR_LIGHTS * np.array([[1], [2], [3], [2]]) / 2
    np.testing.assert_allclose(found.lights, wanted[order])


def test_lamps_without_names_by_their_numbers(written):
    written.add(("lamp",), ["4", "3", "2", "1"])
    np.testing.assert_allclose(written.run(lamps([""] * 4)).lights, FOUR_LIGHTS[::-1])


def test_some_of_the_lamps(written):
    written.rows = written.rows[:3]
    written.add(("lamp",), ["d", "b", "c"])
    np.testing.assert_allclose(written.run(lamps()).lights, FOUR_LIGHTS[[3, 1, 2]])


def test_a_rig_for_each_capture(written):
    write_rig(written.root / "rigs" / "one" / "rig.json", lamps())
    written.add(("lamp",), ["d", "c", "b", "lower left"])
    written.add(("rig",), ["rigs\\one"] * 4)
    np.testing.assert_allclose(written.run().lights, FOUR_LIGHTS[::-1])
    for row in written.rows:
        del row["lamp"]  # then in the order of the frames
    np.testing.assert_allclose(written.run().lights, FOUR_LIGHTS)
    written.rows[2]["rig"] = ""
    refused(written.run(), "rig is both `` and `rigs\\one` in one capture")
    written.add(("rig",), ["../rigs"] * 4)
    refused(written.run(), "rig `../rigs` is not inside")
    written.add(("rig",), ["rigs/two"] * 4)
    refused(written.run(), "rigs/two: missing; give the rig's folder or file")
    written.add(("rig",), ["rigs"] * 4)
    refused(written.run(), "rigs: no rig.yaml in it")


def test_lamps_in_the_order_of_the_frames(written):
    found = written.run(lamps(intensities=(1.0, 2.0, 3.0, 2.0)), good=False)
    np.testing.assert_allclose(found.lights, FOUR_LIGHTS * np.array([[1], [2], [3], [2]]) / 2)


def test_backslashes_separate_folders(written):
    written.lit()
    for row in written.rows:
        row["frame"] = row["frame"].replace("/", "\\")
    assert [name[-4:] for name in written.run().frames] == [".png"] * 4


def test_an_ambient_frame_and_a_mask(written):
    written.lit()
    for row in written.rows:
        row["role"] = "frame"
    written.aide("ambient", np.full((SIZE, SIZE), 3, np.uint8))
    written.rows.insert(0, written.rows.pop())  # in any place
    written.aide("mask", np.full((SIZE, SIZE), 255, np.uint8))
    found = written.run()
    assert found.ambient.endswith("root/frames/ambient.png") and len(found.frames) == 4
    assert found.mask.endswith("root/frames/mask.png")
    pixels = found.pixels()
    wanted = np.maximum(np.float32(capture_frames()) - 3, 0) / 255
    np.testing.assert_allclose(pixels.grey, wanted, atol=1e-6)
    assert pixels.mask.all()


def test_what_is_known_of_the_camera_joins_the_lights_of_the_manifest(written):
    written.lit()
    rig = Rig(camera=Camera(response="srgb"))
    found = written.run(rig)
    assert found.rig == rig
    np.testing.assert_allclose(found.lights, FOUR_LIGHTS)


def test_lights_that_the_rig_contradicts(written):
    written.lit()
    assert written.run(lamps(intensities=(1.0, 3.0, 2.0, 2.0)), good=False).rig.lamps
    swapped = lamps().with_lamps([1, 0, 2, 3])
    with pytest.raises(UserError, match="degrees from the light that the capture gives; remove"):
        written.run(swapped, good=False)
    with pytest.raises(UserError, match=r"4 frames, but the rig has 3 lamps"):
        written.run(lamps().with_lamps([0, 1, 2]), good=False)


def both_light_and_position(w: Written) -> None:
    w.lit()
    w.placed()


def both_light_and_lamp(w: Written) -> None:
    w.lit()
    w.add(("lamp",), NAMES)


def lamp_twice(w: Written) -> None:
    w.add(("lamp",), ["b", "c", "d", "b"])


def column(name: str, values):
    return lambda w: w.add((name,), values)


def lit_and(name: str, values):
    def change(w: Written) -> None:
        w.lit()
        w.add((name,), values)

    return change


def two_of(role: str):
    def change(w: Written) -> None:
        w.lit()
        w.aide(role, np.full((SIZE, SIZE), 3, np.uint8))
        w.aide(role, np.full((SIZE, SIZE), 4, np.uint8), f"frames/{role}2.png")

    return change


def only_ambient(w: Written) -> None:
    w.rows = [row | {"role": "ambient"} for row in w.rows[:1]]


def one_frame(w: Written) -> None:
    w.rows = w.rows[:1]


BAD = {
    "light and position": (both_light_and_position, Rig(camera=CAMERA, distance_mm=700.0),
                           "both light and position of a frame's lamp; keep one"),
    "light and lamp": (both_light_and_lamp, None, "both light and lamp of a frame's lamp"),
    "a lamp of no rig": (column("lamp", NAMES), None, "a lamp needs a rig"),
    "strengths of nothing": (column("intensity", [1, 2, 1, 1]), None, "intensity without a light"),
    "intensity 0": (lit_and("intensity", [1, 0, 1, 1]), None, "intensity in line 3 is not > 0"),
    "an intensity missing": (lit_and("intensity", [1, "", 1, 1]), None,
                             "intensity `` in line 3 is not a number"),
    "intensity infinite": (lit_and("intensity", [1, "inf", 1, 1]), None, "is not a number"),
    "no lamp at all": (lambda w: None, None, "line 2: no light, position or lamp; give each"),
    "one frame of no lamp": (one_frame, None, "line 2: no light, position or lamp"),
    "an unknown role": (lit_and("role", ["frame", "dark", "", ""]), None,
                        "role `dark` is unknown; use one of frame, ambient, mask"),
    "ambient alone": (only_ambient, None, "no frames"),
    "ambient twice": (two_of("ambient"), None, "lines 6 and 7 are both ambient"),
    "mask twice": (two_of("mask"), None, "lines 6 and 7 are both mask"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "rig", "reason"), BAD.values(), ids=BAD)
def test_what_is_not_clear_is_refused_alone(written, damage, rig, reason):
    damage(written)
    refused(written.run(rig), reason)


WITH_LAMPS = {
    "a lamp that is not in the rig": (column("lamp", ["b", "c", "d", "e"]),
                                      "lamp `e` is not in the rig, which has lower left, b, c, d"),
    "no lamp in a row": (column("lamp", ["b", "", "d", "c"]), "lamp `` is not in the rig"),
    "one lamp twice": (lamp_twice, "lines 2 and 5 name one lamp, `b`; "),
    "positions": (Written.placed, "both positions and a rig's lamps; keep one"),
    "intensity": (column("intensity", [1, 2, 1, 1]), "both a rig's lamps and a column intensity"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "reason"), WITH_LAMPS.values(), ids=WITH_LAMPS)
def test_what_does_not_fit_the_rig_s_lamps(written, damage, reason):
    damage(written)
    refused(written.run(lamps()), reason)


@pytest.mark.parametrize("name", ["light_y", "position_z_mm"])
def test_a_direction_or_position_has_three_columns(written, name):
    written.lit() if name == "light_y" else written.placed()
    for row in written.rows:
        del row[name]
    with pytest.raises(UserError, match=rf"manifest\.csv: no column {name}; give each frame's"):
        written.run(Rig(camera=CAMERA, distance_mm=700.0), good=False)


AIDES = {
    "ambient brighter than a frame": (
        ("ambient", np.full((SIZE, SIZE), 120, np.uint8)),
        "frames/ambient.png: brighter than a frame, as no ambient light can be; was a lamp on?",
    ),
    "ambient of another size": (
        ("ambient", np.full((9, 9), 3, np.uint8)),
        "frames/ambient.png: not of the frames' size, 64x64 and 9x9; take it like the frames",
    ),
    "mask with alpha": (
        ("mask", np.full((SIZE, SIZE, 4), 255, np.uint8)),
        "frames/mask.png: a mask with an alpha channel; save it as grey",
    ),
    "mask of another size": (("mask", np.full((9, 9), 255, np.uint8)), "mask.png: not of the fra"),
    "empty mask": (("mask", np.zeros((SIZE, SIZE), np.uint8)), "mask.png: an empty mask, whose"),
}


@pytest.mark.parametrize(("aide", "reason"), AIDES.values(), ids=AIDES)
def test_bad_pictures_of_a_role(written, aide, reason):
    written.lit()
    written.aide(*aide)
    item = written.run()
    assert isinstance(item, Refusal) and reason in item.reason and "\n" not in item.reason


@pytest.mark.parametrize("role", ["ambient", "mask"])
@pytest.mark.parametrize("column", ["light_x", "lamp", "intensity"])
def test_pictures_of_no_lamp_have_no_light(written, role, column):
    written.lit()
    dark = np.zeros((SIZE, SIZE), np.uint8)
    written.aide(role, dark if role == "ambient" else dark + 255)
    assert isinstance(written.run(), Capture)
    written.rows[-1][column] = 0
    refused(written.run(), f"line 6 is {role}, which has no light; leave its {column} empty")


def test_landmarks_are_those_of_the_first_frame(written):
    written.lit()
    points = dict(zip(LANDMARK_COLUMNS, [20, 20, 40, 20, 30, 30, 22, 40, 38, 40], strict=True))
    written.aide("mask", np.full((SIZE, SIZE), 255, np.uint8))  # has none
    written.rows[0] |= points
    assert written.run().landmarks.ravel().tolist() == list(points.values())
    written.rows[0]["nose_y"] = ""
    refused(written.run(), "landmarks in line 2 are incomplete; give all ten or none")
    for row in written.rows:
        row.pop("nose_y", None)
    with pytest.raises(UserError, match=r"no column nose_y; give all landmarks or none"):
        written.run()


@pytest.mark.parametrize("strength", [1e300, 1e-300, 1e9, 1e-4])
def test_strengths_that_cannot_be_together_are_refused(written, strength):
    written.lit()
    written.add(("intensity",), [1, strength, 1, 1])
    item = written.run()
    assert isinstance(item, Refusal) and "\n" not in item.reason
    assert "times as strong as light" in item.reason or "not a number below 1e+12" in item.reason


def test_a_frame_named_as_another_s_lamp_is_lit_as_the_manifest_says(written):
    written.add(("lamp",), ["bad1", "bad0", "bad2", "bad3"])
    assert written.run(lamps(("bad0", "bad1", "bad2", "bad3"))).lights[0] == pytest.approx(
        FOUR_LIGHTS[1]
    )


def test_positions_without_a_unit_are_no_attributes(written):
    written.lit()
    written.add(("position_x", "position_y", "position_z"), PLACES)
    with pytest.raises(
        UserError, match=r"column position_x, without a unit; call it position_x_mm"
    ):
        written.run()
