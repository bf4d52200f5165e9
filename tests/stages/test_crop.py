"""The stage: what is cut, kept, refused, and in which order it is written."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from psface.captures.capture import Capture
from psface.captures.capture_table import read_captures, write_captures
from psface.errors import UserError
from psface.faces.alignment import face_oval, similarity
from psface.faces.map_crops import crop_maps
from psface.faces.modalities import MAPS
from psface.faces.packing import content
from psface.faces.stored_planes import in_floats
from psface.fingerprint import ROOTS, closure
from psface.stage_tables import read_table
from psface.stereo.map_folder import MapFolder
from stages.crop import crop
from stages.stereo import stereo
from tests.written_captures import LANDMARKS, ingested, write_capture, write_landmarks

pytestmark = pytest.mark.usefixtures("one_process")


class Stage:
    def __init__(self, tmp_path: Path, sessions: list[Capture], maps: Path, params) -> None:
        self.sessions = tmp_path / "sessions.parquet"
        self.out = tmp_path / "faces"
        self.picture = tmp_path / "faces.png"
        self.maps = maps
        self.params = params
        write_captures(self.sessions, sessions)

    def run(self, **changes) -> tuple[int, int, int]:
        params = self.params.model_copy(update=changes)
        return crop(
            params,
            self.sessions,
            self.maps,
            self.out,
            self.picture,
            self.picture.with_name("d.png"),
        )

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: np.load(self.out / f"{name}.npy") for name in MAPS}

    def table(self) -> pd.DataFrame:
        return read_table(self.out / "faces.parquet", "crop")

    def failures(self) -> dict[str, str]:
        table = read_table(self.out / "failures.csv", "crop")
        return dict(zip(table["session"], table["reason"], strict=True))


@pytest.fixture(scope="module")
def mapped(simulated_captures, settings, tmp_path_factory) -> tuple[list[Capture], Path]:
    """Four sessions and their maps."""
    out = tmp_path_factory.mktemp("mapped")
    sessions = simulated_captures[::2]
    write_captures(out / "sessions.parquet", sessions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("psface.parallel.available_cpus", lambda: 1)
        patch.setattr("stages.stereo.truth_metrics", lambda *_: {})
        stereo(settings.stereo, out / "sessions.parquet", out / "stereo", out / "stereo.json")
    return sessions, out / "stereo"


@pytest.fixture
def stage(mapped, settings, tmp_path) -> Stage:
    params = settings.crop.model_copy(update={"size": 64, "min_face_size": 60, "padding": 0.0})
    return Stage(tmp_path, *mapped, params)


def test_every_row_has_its_planes(stage):
    assert stage.run() == (4, 0, 0)
    sessions, table, arrays = list(read_captures(stage.sessions)), stage.table(), stage.arrays()
    assert list(zip(table["identity"], table["session"], strict=True)) == [
        (s.identity, s.name) for s in sessions
    ]
    for name, array in arrays.items():
        channels = {"normalmap": 3, "frames": 4}.get(name, 1)
        # These frames have eight bits.
        assert array.dtype == (np.uint8 if name in ("raw", "frames") else np.float16)
        assert array.shape == (4, channels, 64, 64)
    for index, session in enumerate(sessions):
        row = table.iloc[index]
        assert {name: row[name] for name in session.attributes} == session.attributes
        maps = MapFolder(stage.maps).maps(session.key)
        landmarks, zoom = np.reshape(row["landmarks"], (5, 2)), stage.params.zoom
        place = similarity(landmarks, 64, zoom), face_oval(64, zoom)
        cut = crop_maps(maps, *place)
        np.testing.assert_allclose(arrays["normalmap"][index], cut.normal, atol=0.01)
        np.testing.assert_allclose(arrays["albedo"][index, 0], cut.albedo, atol=0.01)
        np.testing.assert_allclose(arrays["depthmap"][index, 0], cut.depth, atol=0.05)
    assert stage.failures() == {} and stage.picture.stat().st_size > 1000
    assert not list(stage.out.glob(".partial*"))


def test_crops_show_faces(stage):
    stage.run()
    arrays = stage.arrays()
    middle = (slice(None), slice(None), slice(24, 44), slice(24, 40))
    normal = arrays["normalmap"].astype(float)
    length = np.linalg.norm(normal, axis=1)
    assert ((np.abs(length - 1) < 5e-3) | (length == 0)).all() and (length > 0).mean() > 0.5
    assert normal[middle][:, 2].mean() > 0.6
    # The left half of a face looks to the left, the forehead up and the chin down.
    assert normal[:, 0, 20:50, 8:16].mean() < -0.2 and normal[:, 0, 20:50, -16:-8].mean() > 0.2
    depth = arrays["depthmap"].astype(float)[:, 0]
    assert (depth[:, 36:44, 29:36].mean((1, 2)) > depth[:, 36:44, 8:14].mean((1, 2)) + 3).all()
    assert 0.1 < in_floats(arrays["raw"])[middle].mean() < 0.9


def test_frames_stand_in_the_order_of_their_lights(stage, mapped):
    """However a session lists them: a channel is always lit from one side."""
    stage.run()
    frames, raw = stage.arrays()["frames"], stage.arrays()["raw"]
    assert (frames == raw).all(axis=(2, 3)).any(axis=1).all()  # raw is the first that was listed
    left, right = np.split(frames.astype(float).mean(axis=(0, 2)), 2, axis=1)
    x = np.sort(np.arctan2(*mapped[0][0].lights[:, 1::-1].T))  # azimuths
    assert (np.sign((right - left).mean(axis=1)) == np.sign(np.cos(x))).all()


def test_frames_are_as_many_as_every_session_has(settings, mapped, tmp_path, monkeypatch):
    monkeypatch.setattr("stages.stereo.truth_metrics", lambda *_: {})
    first, second = mapped[0][:2]
    few = replace(second, frames=second.frames[:3], lights=second.lights[:3])
    write_captures(tmp_path / "sessions.parquet", [first, few])
    stereo(settings.stereo, tmp_path / "sessions.parquet", tmp_path / "maps", tmp_path / "s.json")
    params = settings.crop.model_copy(update={"size": 64})
    stage = Stage(tmp_path, [first], tmp_path / "maps", params)
    assert stage.run() == (1, 0, 0) and stage.arrays()["frames"].shape[1] == 4
    write_captures(stage.sessions, [first, few])
    assert stage.run() == (2, 0, 0) and stage.arrays()["frames"].shape[1] == 3
    assert stage.run() == (0, 2, 0)


def test_a_second_run_keeps_all(stage):
    stage.run()
    before = {path.name: path.read_bytes() for path in stage.out.iterdir()}
    assert stage.run() == (0, 4, 0)
    assert {path.name: path.read_bytes() for path in stage.out.iterdir()} == before


def test_two_runs_from_nothing_make_the_same_bytes(stage, mapped, tmp_path):
    stage.run()
    other = Stage(tmp_path / "other", *mapped, stage.params)
    other.run()
    for path in stage.out.iterdir():
        assert (other.out / path.name).read_bytes() == path.read_bytes()


def test_another_size_recomputes_all(stage):
    stage.run()
    assert stage.run(size=48) == (4, 0, 0)
    assert all(array.shape[2:] == (48, 48) for array in stage.arrays().values())


def test_a_zoomed_crop_has_the_same_face_and_the_same_trust(stage, mapped, tmp_path):
    plain, zoomed = (
        Stage(tmp_path / str(zoom), *mapped, stage.params.model_copy(update={"zoom": zoom}))
        for zoom in (1.0, 1.6)
    )
    assert plain.run() == zoomed.run() == (4, 0, 0)
    assert (zoomed.table()["trust"] == plain.table()["trust"]).all()
    shown = [(s.arrays()["albedo"] > 0).mean() for s in (plain, zoomed)]
    assert shown[1] > 1.1 * shown[0]  # less of it is beyond the oval


def test_sessions_come_and_go_without_the_others_being_cut_again(stage, mapped):
    stage.run()
    before = stage.arrays()["albedo"]
    sessions, _ = mapped
    write_captures(stage.sessions, [sessions[3], sessions[1]])
    assert stage.run() == (0, 2, 0)
    np.testing.assert_array_equal(stage.arrays()["albedo"], before[[3, 1]])
    write_captures(stage.sessions, sessions)
    assert stage.run() == (2, 2, 0)
    np.testing.assert_array_equal(stage.arrays()["albedo"], before)


def test_changed_labels_are_taken_over_without_cutting_again(stage, mapped):
    stage.run()
    sessions, _ = mapped
    sessions[0].attributes["gender"], old = "other", sessions[0].attributes["gender"]
    write_captures(stage.sessions, sessions)
    sessions[0].attributes["gender"] = old
    assert stage.run() == (0, 4, 0)
    assert stage.table()["gender"][0] == "other"


@pytest.fixture
def sources(tmp_path, monkeypatch) -> Iterator[Path]:
    """A copy of the library's sources, which stands for them in fingerprints."""
    copy = tmp_path / "psface"
    shutil.copytree(ROOTS["psface"], copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setitem(ROOTS, "psface", copy)
    closure.cache_clear()
    yield copy
    closure.cache_clear()


@pytest.mark.parametrize(
    ("module", "made"),
    [
        ("faces/cropping.py", 4),
        ("faces/packing.py", 4),
        ("faces/alignment.py", 4),
        ("detect/mtcnn/networks.py", 4),
        ("captures/decoding.py", 4),
        ("stereo/aligned_frames.py", 4),
        ("report/plotting.py", 0),
        ("report/face_sheet.py", 0),
        ("detect/adapters/opencv.py", 0),  # another detector
        ("stereo/near_light.py", 0),  # the maps' own fingerprints tell of it
        ("training/loop.py", 0),
    ],
)
def test_changed_code_makes_crops_anew_if_they_depend_on_it(stage, sources, module, made):
    stage.run()
    assert stage.run() == (0, 4, 0)
    path = sources / module
    path.write_text(path.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert stage.run() == (made, 4 - made, 0)


@pytest.mark.parametrize("name", ["albedo.npy", "faces.parquet"])
def test_a_damaged_last_run_is_not_built_upon(stage, name):
    stage.run()
    (stage.out / name).write_bytes(b"")
    assert stage.run() == (4, 0, 0)


def test_a_session_without_maps_is_listed(stage, mapped, tmp_path):
    sessions, _ = mapped
    lost = Capture("9999", "lost", sessions[0].frames, sessions[0].lights)
    write_captures(stage.sessions, [lost, *sessions])
    assert stage.run() == (4, 0, 1)
    assert "9999/lost.exr" in stage.failures()["lost"]
    assert len(stage.table()) == len(stage.arrays()["raw"]) == 4


@pytest.fixture
def faceless(tmp_path, settings):
    """Two captures of a ball, on which no detector finds a face; one comes with landmarks."""
    root = tmp_path / "root" / "1001"
    write_landmarks(write_capture(root / "told", 1))
    write_capture(root / "untold", 2)
    params = settings.ingest.model_copy(update={"source": "photoface", "root": str(root.parent)})
    sessions, _ = ingested(params, 1, tmp_path)
    stereo(settings.stereo, tmp_path / "sessions.parquet", tmp_path / "maps", tmp_path / "s.json")
    crop_params = settings.crop.model_copy(update={"size": 64})
    return Stage(tmp_path, sessions, tmp_path / "maps", crop_params)


def test_given_landmarks_stand_in_for_a_detection(faceless):
    assert faceless.run() == (1, 0, 1)
    [row] = faceless.table().to_dict("records")
    assert (row["session"], row["found_on"], row["score"]) == ("told", "given", 0)
    assert np.reshape(row["landmarks"], (5, 2)).tolist() == [list(p) for p in LANDMARKS.values()]
    assert list(faceless.failures()) == ["untold"]
    assert "1001/untold/im0.bmp: no face found" in faceless.failures()["untold"]
    assert all(np.isfinite(array).all() for array in faceless.arrays().values())


def test_a_failure_is_listed_again_by_the_next_run(faceless):
    faceless.run()
    assert faceless.run() == (0, 1, 1)
    assert list(faceless.failures()) == ["untold"]


def test_no_face_at_all_stops_the_run_and_keeps_the_last_one_whole(faceless):
    faceless.run()
    before = faceless.arrays()["albedo"]
    sessions = list(read_captures(faceless.sessions))
    write_captures(faceless.sessions, [s for s in sessions if s.name == "untold"])
    with pytest.raises(UserError, match=r"no face in any of 1 captures; .*crop\.padding"):
        faceless.run()
    np.testing.assert_array_equal(faceless.arrays()["albedo"], before)
    assert not list(faceless.out.glob(".partial*"))


def test_a_real_capture_comes_through(shared_data, settings, tmp_path):
    root = str(shared_data / "photoface")
    params = settings.ingest.model_copy(update={"source": "photoface", "root": root})
    sessions, _ = ingested(params, 1, tmp_path)
    stereo(settings.stereo, tmp_path / "sessions.parquet", tmp_path / "maps", tmp_path / "s.json")
    stage = Stage(tmp_path, sessions, tmp_path / "maps", settings.crop)
    assert stage.run() == (1, 0, 0)
    assert stage.table()["found_on"].tolist() == ["mean"]
    arrays = stage.arrays()
    size = settings.crop.size
    x, y, z = arrays["normalmap"][0].astype(float)
    left, right = (slice(None), slice(size // 3)), (slice(None), slice(-size // 3, None))
    forehead, chin = slice(size // 4), slice(-size // 8, None)
    assert x[left].mean() < -0.1 < 0.1 < x[right].mean()
    assert y[forehead].mean() > 0.1 > -0.1 > y[chin].mean() and z[z > 0].mean() > 0.45
    depth = arrays["depthmap"][0, 0].astype(float)
    nose = depth[round(0.6 * size), round(0.5 * size)]
    assert nose > depth[round(0.6 * size), [round(0.15 * size), round(0.85 * size)]].max()


def rows_fit(stage: Stage) -> bool:
    table, arrays = stage.table(), stage.arrays()
    return all(
        table["content"][row] == content({name: array[row] for name, array in arrays.items()})
        for row in range(len(table))
    )


@pytest.mark.parametrize("moved", range(6))
def test_a_kill_between_the_files_never_leaves_faces_of_others(stage, monkeypatch, moved):
    stage.run()
    whole = {name: array.tobytes() for name, array in stage.arrays().items()}
    sessions = list(read_captures(stage.sessions))
    write_captures(stage.sessions, sessions[::-1])
    replace_file, count = Path.replace, 0

    def killed(path, target):
        nonlocal count
        if path.name.startswith(".partial-") and path.parent == stage.out:
            count += 1
            if count > moved:
                raise KeyboardInterrupt
        return replace_file(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            stage.run()
    assert not (stage.out / "faces.parquet").exists() or rows_fit(stage)
    stage.run()
    assert rows_fit(stage)
    write_captures(stage.sessions, sessions)
    stage.run()
    assert {name: array.tobytes() for name, array in stage.arrays().items()} == whole


def test_a_crop_that_is_not_its_rows_is_made_anew(stage):
    stage.run()
    whole = stage.arrays()["albedo"]
    np.save(stage.out / "albedo.npy", whole[::-1])
    made, kept, _ = stage.run()
    assert (made, kept) == (len(whole), 0)
    assert np.array_equal(stage.arrays()["albedo"], whole)
