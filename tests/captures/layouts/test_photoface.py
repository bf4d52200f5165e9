"""One bad session at a time beside a good one: it alone is refused, and told why."""

import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from psface.captures.capture import Capture, Refusal
from psface.captures.capture_table import read_captures
from psface.captures.layouts.photoface import (
    KNOWN_LABELS,
    read_labels,
    read_landmarks,
    read_light_source,
)
from psface.errors import UserError
from psface.stage_tables import read_table
from tests.shapes import FOUR_LIGHTS
from tests.written_captures import (
    LANDMARKS,
    ROWS,
    SIZE,
    capture_frames,
    ingested,
    write_capture,
    write_landmarks,
    write_lights,
)

pytestmark = pytest.mark.usefixtures("one_process")


@pytest.fixture
def run(settings, tmp_path):
    """Ingest a root in the Photoface layout."""

    def run(root: Path) -> tuple[list[Capture], list[Refusal]]:
        params = settings.ingest.model_copy(update={"source": "photoface", "root": str(root)})
        return ingested(params, 1, tmp_path)

    return run


def paint(name: str, value: int, share: float = 1.0):
    def damage(folder: Path) -> None:
        frame = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
        frame[: int(share * len(frame))] = value
        cv2.imwrite(str(folder / name), frame)

    return damage


def put(name: str, text: str):
    return lambda folder: (folder / name).write_text(text)


def lights(*rows: str):
    return lambda folder: write_lights(folder, rows)


def remove(*names: str):
    return lambda folder: [(folder / name).unlink() for name in names]


def truncate(folder: Path) -> None:
    data = (folder / "im1.bmp").read_bytes()
    (folder / "im1.bmp").write_bytes(data[: len(data) // 2])


def shrink(folder: Path) -> None:
    cv2.imwrite(str(folder / "im3.bmp"), cv2.imread(str(folder / "im3.bmp"))[:-2])


def labels(**changed: str):
    values = {"gender": "male", "spectacles": "no", "facial_hair": "none", "pose": "1"}
    values |= {"quality": "ok", "occlusion": "", "emotion": "blankstare", **changed}
    return put("metadataII.txt", ", ".join(values.values()) + ", \n")


BAD = {
    "missing frame": (remove("im2.bmp"), "1001/bad: im2.bmp missing, LightSource.m gives 4 lights"),
    "no frames": (
        remove("im0.bmp", "im1.bmp", "im2.bmp", "im3.bmp"),
        "im0.bmp, im1.bmp, im2.bmp, im3.bmp missing",
    ),
    "truncated frame": (truncate, "1001/bad/im1.bmp: truncated or not an image; copy it again"),
    "text for a frame": (put("im0.bmp", "an image"), "1001/bad/im0.bmp: truncated or not an image"),
    "empty frame": (put("im0.bmp", ""), "1001/bad/im0.bmp: truncated or not an image"),
    "two sizes": (
        shrink,
        f"1001/bad/im3.bmp: frames of two sizes, {SIZE}x{SIZE} and {SIZE}x{SIZE - 2}; take them",
    ),
    "black frame": (
        paint("im2.bmp", 0),
        "1001/bad/im2.bmp: black or nearly so (99th percentile 0 of the range); did its light "
        "fire? If it is lit, lower ingest.min_brightness (0.01)",
    ),
    "saturated frame": (
        paint("im1.bmp", 255, 0.5),
        "1001/bad/im1.bmp: 50% is saturated, at most 25%; lower the exposure",
    ),
    "three rows of lights": (
        lights(*ROWS[:3]),
        "1001/bad/LightSource.m: 3 lights for 4 frames; give it a row for each frame",
    ),
    "two lights": (
        lambda folder: (lights(*ROWS[:2])(folder), remove("im2.bmp", "im3.bmp")(folder)),
        "1001/bad: 2 lights, need at least 3",
    ),
    "no rows of lights": (lights(), "1001/bad/LightSource.m: 0 lights for 4 frames"),
    "words for lights": (
        lights("upper left;", *ROWS[1:]),
        "1001/bad/LightSource.m: row `upper left` is not of the form `90-r 360-a;`",
    ),
    "no brackets": (put("LightSource.m", "90-15 360-117"), "LightSource.m: no `LightAngle = [ ..."),
    "no lights at all": (
        remove("LightSource.m"),
        "1001/bad: 4 frames without lights; give them in LightSource.m, a rig file beside the "
        "frames, or ingest.rig",
    ),
    "one frame without lights": (
        remove("LightSource.m", "im1.bmp", "im2.bmp", "im3.bmp"),
        "1001/bad: no LightSource.m and no frames im0, im1, ...; not a capture",
    ),
    "a gap without lights": (
        remove("LightSource.m", "im1.bmp"),
        "1001/bad: im1.bmp missing, their numbers have gaps; restore the frames",
    ),
    "coplanar lights": (
        lights("90-40 360-90;", "90-10 360-90;", "90-20 360-270;", "90-50 360-270;"),
        "1001/bad: light directions are coplanar or nearly so (rank 2, at most 20)",
    ),
    "nearly coplanar lights": (
        lights("90-40 360-90;", "90-10 360-95;", "90-20 360-270;", "90-50 360-269;"),
        "1001/bad: light directions are coplanar or nearly so (condition ",
    ),
    "one light four times": (lights(*ROWS[:1] * 4), "coplanar or nearly so (rank 2, at most 20)"),
    "light behind": (
        lights(*ROWS[:3], "90-120 360-225;"),
        "1001/bad: light 4 is behind the face (z <= 0); check its direction",
    ),
    "unknown gender": (
        labels(gender="M"),
        "1001/bad/metadataII.txt: gender `M` is unknown; use one of male, female",
    ),
    "unknown pose": (labels(pose="6"), "pose `6` is unknown; use one of 1, 2, 3, 4, 5"),
    "labels cut short": (put("metadataII.txt", "male, no"), "metadataII.txt: 2 fields, expected"),
    "landmarks without a nose": (
        put("landmarks.csv", "name,x,y\nleft_eye,1,2\n"),
        "1001/bad/landmarks.csv: no row for right_eye; expected one row each for left_eye",
    ),
    "landmarks of words": (
        put("landmarks.csv", "name,x,y\n" + "\n".join(f"{n},here,there" for n in LANDMARKS)),
        "1001/bad/landmarks.csv: every point needs a finite x and y",
    ),
    "landmarks not finite": (
        put("landmarks.csv", "name,x,y\n" + "\n".join(f"{n},1,inf" for n in LANDMARKS)),
        "1001/bad/landmarks.csv: every point needs a finite x and y",
    ),
    "landmarks twice": (
        put("landmarks.csv", "name,x,y\n" + "\n".join(f"{n},1,2" for n in [*LANDMARKS] * 2)),
        "1001/bad/landmarks.csv: duplicate point; expected one row each for",
    ),
    "landmarks empty": (put("landmarks.csv", ""), "1001/bad/landmarks.csv: no column name, x, y"),
    "landmarks in one place": (
        put("landmarks.csv", "name,x,y\n" + "\n".join(f"{n},30,30" for n in LANDMARKS)),
        "1001/bad: all five landmarks coincide; correct or remove them",
    ),
}


@pytest.mark.parametrize(("damage", "reason"), BAD.values(), ids=BAD)
def test_a_bad_session_is_refused_alone(run, tmp_path, damage, reason):
    write_capture(tmp_path / "root" / "1001" / "good")
    damage(write_capture(tmp_path / "root" / "1001" / "bad"))
    accepted, refused = run(tmp_path / "root")
    assert [s.key for s in accepted] == ["1001/good"]
    assert [(r.identity, r.name) for r in refused] == [("1001", "bad")]
    assert reason in refused[0].reason and "\n" not in refused[0].reason
    assert [s.key for s in read_captures(tmp_path / "sessions.parquet")] == ["1001/good"]
    assert read_table(tmp_path / "rejected.csv", "ingest")["reason"][0] == refused[0].reason


def test_a_good_session(run, tmp_path):
    folder = write_capture(tmp_path / "root" / "Photometric_DB" / "1001" / "2008-03-01_07-57-06")
    write_landmarks(folder)
    [session], refused = run(tmp_path / "root")
    assert not refused and not read_table(tmp_path / "rejected.csv", "ingest").size
    assert session.key == "1001/2008-03-01_07-57-06"
    assert [Path(frame).name for frame in session.frames] == [f"im{i}.bmp" for i in range(4)]
    np.testing.assert_allclose(session.lights, FOUR_LIGHTS, atol=1e-4)
    assert session.landmarks.tolist() == [list(point) for point in LANDMARKS.values()]
    assert session.attributes == {
        "gender": "male",
        "spectacles": "no",
        "facial_hair": "none",
        "pose": "1",
        "quality": "ok",
        "occlusion": "none",
        "emotion": "blankstare",
    }


def test_labels_and_landmarks_may_be_absent(run, tmp_path):
    (write_capture(tmp_path / "root" / "1001" / "a") / "metadataII.txt").unlink()
    [session], _ = run(tmp_path / "root")
    assert session.landmarks is None
    assert session.attributes == dict.fromkeys(KNOWN_LABELS, "")


def test_the_digest_follows_the_frames(run, tmp_path):
    folders = [write_capture(tmp_path / "root" / "1001" / name) for name in "ab"]
    (first, second), _ = run(tmp_path / "root")
    assert first.digest == second.digest
    paint("im3.bmp", 90, 0.1)(folders[1])
    (same, other), _ = run(tmp_path / "root")
    assert same.digest == first.digest != other.digest


def test_ten_frames_stand_in_the_order_of_their_numbers(run, tmp_path):
    folder = write_capture(tmp_path / "root" / "1001" / "a")
    for index in range(4, 11):
        frame = capture_frames(index)[index % 4]
        cv2.imwrite(str(folder / f"im{index}.bmp"), frame)
    write_lights(folder, [ROWS[i % 4] for i in range(11)])
    [session], _ = run(tmp_path / "root")
    assert [Path(frame).name for frame in session.frames] == [f"im{i}.bmp" for i in range(11)]


def test_all_bad_is_an_error_that_names_the_first(run, tmp_path):
    for name in "ab":
        remove("im0.bmp")(write_capture(tmp_path / "root" / "1001" / name))
    with pytest.raises(
        UserError,
        match=r"none of 2 captures can be used, the first \(1001/a\) because .*1001/a: im0\.bmp",
    ) as e:
        run(tmp_path / "root")
    assert str(tmp_path / "rejected.csv") in str(e.value) and "\n" not in str(e.value)
    assert len(read_table(tmp_path / "rejected.csv", "ingest")) == 2
    assert not (tmp_path / "sessions.parquet").exists()


def test_an_empty_root(run, tmp_path):
    (tmp_path / "root").mkdir()
    with pytest.raises(UserError, match=r"root: no capture in the photoface layout; check ingest"):
        run(tmp_path / "root")


def test_a_root_that_is_missing_or_no_folder(run, tmp_path):
    with pytest.raises(UserError, match=r"root: no such folder; set ingest\.root"):
        run(tmp_path / "root")
    (tmp_path / "root").write_text("")
    with pytest.raises(UserError, match=r"root: no such folder; set ingest\.root"):
        run(tmp_path / "root")


def test_files_beside_the_folders_do_not_matter(run, tmp_path):
    write_capture(tmp_path / "root" / "1001" / "a")
    (tmp_path / "root" / "readme.txt").write_text("")
    (tmp_path / "root" / "1001" / "notes.txt").write_text("")
    (tmp_path / "root" / "1001" / ".b.partial").mkdir()
    (tmp_path / "root" / ".cache").mkdir()
    accepted, refused = run(tmp_path / "root")
    assert len(accepted) == 1 and not refused


def test_light_source_of_either_line_ending(tmp_path):
    text = "LightAngle = [\n 90-0 360-0;\n90 - 90 360 - 90 ;\n90-90 360-180\n];\n"
    for ending in ("\n", "\r\n"):
        (tmp_path / "LightSource.m").write_bytes(text.replace("\n", ending).encode())
        # Straight ahead, from the right, from below: azimuths run clockwise from image-up.
        np.testing.assert_allclose(
            read_light_source(tmp_path / "LightSource.m"),
            [[0, 0, 1], [1, 0, 0], [0, -1, 0]],
            atol=1e-12,
        )


@pytest.mark.parametrize("name", KNOWN_LABELS)
def test_every_known_label_is_read(tmp_path, name):
    for label in (*KNOWN_LABELS[name], ""):
        labels(**{name: label})(tmp_path)
        expected = "none" if (name, label) == ("occlusion", "") else label
        assert read_labels(tmp_path / "metadataII.txt")[name] == expected


def test_landmarks_may_stand_in_any_order_with_others(tmp_path):
    lines = [f"{name},{x},{y}" for name, (x, y) in reversed(LANDMARKS.items())]
    (tmp_path / "landmarks.csv").write_text("\n".join(["name,x,y", "chin,1,2", *lines]))
    points = read_landmarks(tmp_path / "landmarks.csv")
    assert points.tolist() == [list(point) for point in LANDMARKS.values()]


def test_a_real_capture(run, shared_data):
    [session], refused = run(shared_data / "photoface")
    assert not refused
    assert session.key == "1001/2008-03-01_07-57-06"
    assert session.attributes["gender"] == "male" and session.attributes["pose"] == "1"
    # Lower right, upper right, upper left, lower left.
    assert np.sign(session.lights[:, :2]).tolist() == [[1, -1], [1, 1], [-1, 1], [-1, -1]]
    assert np.degrees(np.arccos(session.lights[:, 2])) == pytest.approx([15.7, 17.9, 18.4, 20.0])


def test_every_real_label_is_known(shared_data):
    """Of all sessions of the real database, the reader would refuse none for its labels."""
    table = read_table(shared_data / "photoface" / "metadata.csv", "ingest")
    assert len(table) == 3159
    for name, allowed in KNOWN_LABELS.items():
        column = next(c for c in table.columns if c.lower() == name)
        seen = {re.sub(r"\s", "", value) for value in table[column]}
        assert seen - {""} <= set(allowed), name


FORMS = {
    "as the rig writes it": "LightAngle = [\n90-20 360-45;\n90-20 360-135;\n];",
    "one line": "LightAngle=[90-20 360-45; 90-20 360-135];",
    "commas": "LightAngle = [90-20, 360-45; 90-20, 360-135]",
    "blanks about the minus": "LightAngle = [90 - 20  360 - 45;\n90 - 20  360 - 135;];",
    "comments": "% LightAngle = [1 2];\nLightAngle = [ % lamps\n90-20 360-45; % right\n"
    "90-20 360-135;];",
    "a block of comments": "%{\nLightAngle = [1 2];\n%}\n"
    "LightAngle = [90-20 360-45\n90-20 360-135];",
    "a line that goes on": "LightAngle = [90-20 ...\n360-45; 90-20 360-135];",
    "sums worked out": "LightAngle = [70 315; 70.0 2.25e2];",
    "set twice": "LightAngle = [90-1 360-2];\nLightAngle = [90-20 360-45; 90-20 360-135];",
}


@pytest.mark.parametrize("form", FORMS)
def test_light_angles_as_matlab_reads_them(tmp_path, form):
    path = tmp_path / "LightSource.m"
    path.write_text(FORMS[form])
    x = np.sin(np.radians(20)) * np.sin(np.radians(45))
    wanted = [[x, x, np.cos(np.radians(20))], [x, -x, np.cos(np.radians(20))]]
    assert read_light_source(path) == pytest.approx(np.array(wanted), abs=1e-9)


@pytest.mark.parametrize(
    "row",
    ["90 -20 360 -45", "90-20 360-45 1", "90-20", "90-r 360-a", "90-20 3.4.5", "90-20 ,,1"],
)
def test_rows_that_matlab_reads_otherwise_are_refused(tmp_path, row):
    path = tmp_path / "LightSource.m"
    path.write_text(f"LightAngle = [{row}];")
    with pytest.raises(UserError, match="is not of the form `90-r 360-a;`"):
        read_light_source(path)


@pytest.mark.parametrize(
    "above", ["", "PhotofaceDB", "Photoface_dist/PhotofaceDB", "photometric_DB"]
)
def test_the_distribution_is_found(run, tmp_path, above):
    write_capture(tmp_path / "root" / above / "1001" / "a")
    [session], _ = run(tmp_path / "root")
    assert session.key == "1001/a"


def test_a_root_that_is_too_high_is_told_where_captures_lie(run, tmp_path):
    write_capture(tmp_path / "root" / "disk" / "set" / "1001" / "a")
    with pytest.raises(UserError, match=r"found .*disk/set/1001/a/LightSource\.m"):
        run(tmp_path / "root")


def test_names_in_capitals(run, tmp_path):
    folder = write_capture(tmp_path / "root" / "1001" / "a")
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.upper())
    [session], _ = run(tmp_path / "root")
    assert Path(session.frames[3]).name == "IM3.BMP" and session.attributes["gender"] == "male"


TWICE = {
    "the same bytes": lambda f: (f / "im2.bmp").write_bytes((f / "im1.bmp").read_bytes()),
    "the same pixels": lambda f: (
        cv2.imwrite(str(f / "im2.png"), cv2.imread(str(f / "im1.bmp"), -1)),
        (f / "im2.bmp").unlink(),
    ),
    "two suffixes": lambda f: (f / "im1.png").write_bytes((f / "im2.bmp").read_bytes()),
    "two numbers": lambda f: (f / "im01.bmp").write_bytes((f / "im2.bmp").read_bytes()),
}


@pytest.mark.parametrize("how", TWICE)
def test_one_picture_for_two_lights_is_refused_with_both_names(run, tmp_path, how):
    write_capture(tmp_path / "root" / "1001" / "good", seed=1)
    TWICE[how](write_capture(tmp_path / "root" / "1001" / "bad"))
    [session], [refusal] = run(tmp_path / "root")
    assert session.name == "good" and refusal.name == "bad"
    assert len(set(re.findall(r"im\d+\.(?:bmp|png)", refusal.reason))) == 2


def test_a_jpeg_is_no_frame(run, tmp_path):
    write_capture(tmp_path / "root" / "1001" / "good", seed=1)
    folder = write_capture(tmp_path / "root" / "1001" / "bad")
    frame = cv2.imread(str(folder / "im0.bmp"), -1)
    (folder / "im0.bmp").unlink()
    cv2.imwrite(str(folder / "im0.jpg"), frame)
    _, [refusal] = run(tmp_path / "root")
    assert "im0.jpg: a JPEG, whose values are not linear" in refusal.reason


def test_names_that_files_cannot_have(run, tmp_path):
    write_capture(tmp_path / "root" / "1001" / "good", seed=1)
    write_capture(tmp_path / "root" / "failures.csv" / "a", seed=2)
    write_capture(tmp_path / "root" / "1002" / ("s" * 245), seed=3)
    latin = write_capture(tmp_path / "root" / "Jose" / "a", seed=4).parent  # OpenCV writes no \xe9
    latin.rename(latin.with_name(os.fsdecode(b"Jos\xe9")))
    [session], refused = run(tmp_path / "root")
    assert session.key == "1001/good"
    reasons = "\n".join(refusal.reason for refusal in refused)
    for said in ("a table of psface", "a name of 245 bytes, at most 200", "is not UTF-8"):
        assert said in reasons
    listed = read_table(tmp_path / "rejected.csv", "ingest")
    assert sorted(listed["identity"]) == ["1002", "Jos\\udce9", "failures.csv"]
