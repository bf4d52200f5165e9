"""The stage: what is computed, kept, removed and reported."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from psface.captures.capture import Capture, Pixels
from psface.errors import UserError
from psface.kept_results import KeptResults
from psface.stage_tables import read_table
from psface.stereo.accuracy import CHECKED, truth_metrics
from psface.stereo.compute import compute_maps, foreground
from psface.stereo.map_files import read_maps
from psface.stereo.map_folder import MapFolder
from stages.ingest import ingest
from stages.stereo import stereo
from tests.shapes import FOUR_LIGHTS, angle, sphere
from tests.written_captures import SIZE, capture_frames, settle, write_capture

pytestmark = pytest.mark.usefixtures("one_process")


class Pipeline:
    """ingest and stereo on hand-written captures, as ``dvc repro`` runs them."""

    def __init__(self, tmp_path: Path, settings) -> None:
        self.root = tmp_path / "root"
        self.sessions = tmp_path / "sessions.parquet"
        self.out = tmp_path / "stereo"
        self.report = tmp_path / "stereo.json"
        self.ingest_params = settings.ingest.model_copy(
            update={"source": "photoface", "root": str(self.root)}
        )
        self.params = settings.stereo

    def ingest(self) -> None:
        ingest(self.ingest_params, 1, self.sessions, self.sessions.with_name("rejected.csv"))

    def stereo(self, **changes) -> tuple[int, int, int]:
        params = self.params.model_copy(update=changes)
        return stereo(params, self.sessions, self.out, self.report)[:3]

    def run(self, **changes) -> tuple[int, int, int]:
        self.ingest()
        return self.stereo(**changes)

    def times(self) -> dict[str, int]:
        return {path.stem: path.stat().st_mtime_ns for path in self.out.glob("*/*.exr")}

    def failures(self) -> dict[str, str]:
        table = read_table(self.out / "failures.csv", "stereo")
        return dict(zip(table["session"], table["reason"], strict=True))


@pytest.fixture
def pipeline(tmp_path, settings) -> Pipeline:
    pipeline = Pipeline(tmp_path, settings)
    for seed, name in enumerate("abc"):
        write_capture(pipeline.root / "1001" / name, seed)
    return pipeline


def dim(frame: Path) -> None:
    cv2.imwrite(str(frame), cv2.imread(str(frame)) // 2)


def test_a_map_file_per_session(pipeline):
    assert pipeline.run() == (3, 0, 0)
    assert set(pipeline.times()) == {"a", "b", "c"} and pipeline.failures() == {}
    maps = read_maps(pipeline.out / "1001" / "a.exr")
    normal, _, ball = sphere(SIZE, 0.45 * SIZE)
    assert (maps.mask & ball).sum() > 0.9 * ball.sum()
    assert angle(maps.normal, normal, maps.mask & ball) < 8
    assert maps.shifts.shape == (4, 2) and maps.shifts[0].tolist() == [0, 0]
    length = np.linalg.norm(maps.normal, axis=0)
    assert np.allclose(length[maps.mask], 1, atol=2e-3) and (length[~maps.mask] == 0).all()
    assert (maps.albedo[~maps.mask] == 0).all() and (maps.depth[~maps.mask] == 0).all()


def test_a_second_run_computes_nothing(pipeline):
    pipeline.run()
    before = pipeline.times()
    assert pipeline.run() == (0, 3, 0)
    assert pipeline.times() == before


def test_a_changed_frame_recomputes_its_session_alone(pipeline):
    pipeline.run()
    before = pipeline.times()
    dim(pipeline.root / "1001" / "b" / "im2.bmp")
    assert pipeline.run() == (1, 2, 0)
    after = pipeline.times()
    assert {name for name in "abc" if after[name] != before[name]} == {"b"}


def test_changed_lights_recompute_their_session_alone(pipeline):
    pipeline.run()
    path = pipeline.root / "1001" / "c" / "LightSource.m"
    path.write_text(path.read_text().replace("90-35.264 360-135", "90-30 360-135"))
    assert pipeline.run() == (1, 2, 0)


def test_changed_labels_recompute_nothing(pipeline):
    pipeline.run()
    path = pipeline.root / "1001" / "c" / "metadataII.txt"
    path.write_text(path.read_text().replace("male", "female"))
    assert pipeline.run() == (0, 3, 0)


@pytest.mark.parametrize(
    "change",
    [{"register_frames": False}, {"exclude_shadows": False}, {"integrator": "frankot-chellappa"}],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_parameter_recomputes_all(pipeline, change):
    pipeline.run()
    assert pipeline.run(**change) == (3, 0, 0)


def test_a_damaged_map_file_is_made_again(pipeline):
    pipeline.run()
    path = pipeline.out / "1001" / "a.exr"
    path.write_bytes(b"")
    assert pipeline.run() == (1, 2, 0)
    assert read_maps(path).mask.any()


def test_unchanged_maps_are_not_read(pipeline, monkeypatch):
    pipeline.run()
    report, trust = pipeline.report.read_bytes(), (pipeline.out / "trust.csv").read_bytes()
    monkeypatch.setattr(MapFolder, "maps", lambda _, key: pytest.fail(f"{key} was read"))
    write_capture(pipeline.root / "1002" / "d", 4)
    assert pipeline.run() == (1, 3, 0)
    shutil.rmtree(pipeline.root / "1002")
    assert pipeline.run() == (0, 3, 0)
    assert (pipeline.report.read_bytes(), (pipeline.out / "trust.csv").read_bytes()) == (
        report,
        trust,
    )


def test_maps_of_another_time_are_read_and_kept(pipeline, monkeypatch):
    """As after `dvc checkout`."""
    pipeline.run()
    read, maps = [], MapFolder.maps
    monkeypatch.setattr(MapFolder, "maps", lambda self, k: read.append(k) or maps(self, k))
    path = pipeline.out / "1001" / "a.exr"
    shutil.copyfile(path, path.with_name("away"))
    path.with_name("away").replace(path)
    assert pipeline.run() == (0, 3, 0) and read == ["1001/a"]
    assert pipeline.run() == (0, 3, 0) and read == ["1001/a"]


def test_maps_are_kept_without_their_index_and_with_a_damaged_one(pipeline, capsys):
    pipeline.run()
    index = pipeline.out.with_name("stereo.index")
    index.unlink()
    assert pipeline.run() == (0, 3, 0)
    index.write_bytes(b"damaged" * 1000)
    assert pipeline.run() == (0, 3, 0)
    assert f"{index}: damaged; everything is read again" in capsys.readouterr().err


def test_the_index_is_no_part_of_the_maps(pipeline):
    """DVC compares the folder of maps by content; the index has this machine's times."""
    pipeline.run()
    names = {path.name for path in pipeline.out.iterdir()}
    assert names == {"1001", "failures.csv", "trust.csv"}


def test_a_new_session_is_added_and_a_stale_one_removed(pipeline):
    pipeline.run()
    shutil.rmtree(pipeline.root / "1001" / "a")
    write_capture(pipeline.root / "1002" / "d", 4)
    assert pipeline.run() == (1, 2, 0)
    assert set(pipeline.times()) == {"b", "c", "d"}


def test_a_frame_that_vanished_is_a_failure_of_its_session_alone(pipeline):
    pipeline.ingest()
    (pipeline.root / "1001" / "b" / "im1.bmp").unlink()
    assert pipeline.stereo() == (2, 0, 1)
    assert list(pipeline.failures()) == ["b"]
    assert "1001/b/im1.bmp: No such file" in pipeline.failures()["b"]
    assert set(pipeline.times()) == {"a", "c"}


def test_a_failure_is_tried_again(pipeline):
    pipeline.ingest()
    frame = pipeline.root / "1001" / "b" / "im1.bmp"
    data = frame.read_bytes()
    frame.unlink()
    pipeline.stereo()
    frame.write_bytes(data)
    assert pipeline.stereo() == (1, 2, 0)
    assert pipeline.failures() == {}


def test_all_failing_stops_the_run(pipeline):
    pipeline.ingest()
    shutil.rmtree(pipeline.root)
    with pytest.raises(UserError, match=r"every capture failed, the first: .*1001/a/im0\.bmp"):
        pipeline.stereo()


def test_captures_without_truth_have_no_errors(pipeline):
    pipeline.run()
    assert json.loads(pipeline.report.read_text()) == {}


def four_lit(frames):
    return Pixels(frames, None, FOUR_LIGHTS, None)


def test_registration_can_be_turned_off(settings):
    frames = np.float32(capture_frames()) / 255
    off = settings.stereo.model_copy(update={"register_frames": False})
    maps = compute_maps(four_lit(np.roll(frames, 3, axis=2)), off)
    assert (maps.shifts == 0).all()


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_frames_without_a_face_do_not_crash(settings, level):
    maps = compute_maps(four_lit(np.full((4, 40, 50), level, np.float32)), settings.stereo)
    for plane in (maps.normal, maps.albedo, maps.depth):
        assert np.isfinite(plane).all()


def test_foreground_is_what_is_lit_with_its_holes_filled():
    noise = np.random.default_rng(0).random((3, 100, 100)).astype(np.float32)
    frames = 0.01 + 0.02 * noise
    frames[:, 20:80, 30:70] = 0.4 + 0.4 * noise[:, 20:80, 30:70]
    frames[:, 40:44, 40:60] = 0.01  # a dark brow
    frames[:, 5:7, 5:7] = 0.9  # a speck
    frames = np.stack([cv2.GaussianBlur(frame, (0, 0), 1) for frame in frames])
    mask = foreground(frames)
    assert mask[40:44, 40:60].all() and not mask[5:7, 5:7].any()
    assert mask[22:78, 32:68].all() and not mask[:18].any() and not mask[:, :26].any()


def test_errors_against_the_truth(simulated_captures, simulated, settings, tmp_path):
    pipeline = Pipeline(tmp_path, settings)
    pipeline.root = simulated
    pipeline.ingest_params = pipeline.ingest_params.model_copy(update={"root": str(simulated)})
    assert pipeline.run() == (len(simulated_captures), 0, 0)
    errors = json.loads(pipeline.report.read_text())
    assert errors["shift_error_px"] < 0.7
    # Registration helps, and comes near to a head that does not move at all.
    assert errors["angle_deg"] < 0.75 * errors["angle_deg_unregistered"]
    assert errors["angle_deg"] < errors["angle_deg_still"] + 1
    # Leaving out shadows and highlights helps.
    assert errors["angle_deg_still"] < errors["angle_deg_still_all_lights"] - 0.5
    assert errors["angle_deg"] < errors["angle_deg_all_lights"] - 0.5
    assert errors["depth_px_still"] < errors["depth_px_still_all_lights"]
    assert errors["angle_deg"] < 8


def test_captures_are_compared_with_the_truth_once(simulated, settings, tmp_path, monkeypatch):
    pipeline, compared = Pipeline(tmp_path, settings), []
    monkeypatch.setattr("psface.stereo.accuracy.CHECKED", 2)
    monkeypatch.setattr("psface.stereo.accuracy._errors", errors_of(compared))
    shutil.copytree(simulated / "Photometric_DB" / "0001", pipeline.root / "0001")
    settle(pipeline.root)
    pipeline.run()
    first = pipeline.report.read_bytes()
    assert len(compared) == 2
    pipeline.run()
    assert len(compared) == 2 and pipeline.report.read_bytes() == first
    pipeline.run(register_frames=False)
    assert len(compared) == 4
    settle(pipeline.root, 1800)  # the truth, too
    pipeline.run(register_frames=False)
    assert len(compared) == 6


def errors_of(compared: list[str]):
    def errors(capture, params):
        compared.append(capture.key)
        return {"angle_deg": float(len(compared))}

    return errors


def test_an_added_capture_hardly_changes_the_sample(settings, tmp_path, monkeypatch):
    """Compared with the truth are always those with the smallest hashes."""
    lights, landmarks = np.eye(3), np.zeros((5, 2))
    captures = [
        Capture(f"{i}", "a", (str(tmp_path / "im0.bmp"),), lights, landmarks=landmarks)
        for i in range(60)
    ]
    for name in ("truth.exr", "truth.json"):
        (tmp_path / name).touch()
    settle(tmp_path)
    compared: list[str] = []
    monkeypatch.setattr("psface.stereo.accuracy._errors", errors_of(compared))
    for count in range(17, 61):
        chosen = captures[60 - count :]  # in whatever order they are found
        marks = {capture.key: "" for capture in chosen}
        with KeptResults(tmp_path / "stereo.index") as kept:
            truth_metrics(chosen, settings.stereo, marks, kept)
        assert len(compared) <= CHECKED + count - 17
    assert len(compared) < 60


def test_a_lost_capture_that_comes_with_truth_is_left_out(simulated, settings, tmp_path):
    pipeline = Pipeline(tmp_path, settings)
    shutil.copytree(simulated / "Photometric_DB" / "0001", pipeline.root / "0001")
    pipeline.ingest()
    next(pipeline.root.glob("0001/*/im1.bmp")).unlink()
    assert pipeline.stereo() == (1, 0, 1)
    assert json.loads(pipeline.report.read_text())["angle_deg"] < 10


def test_the_nose_is_nearer_than_the_cheeks(simulated_captures, settings):
    for session in simulated_captures[:3]:
        maps = compute_maps(session.pixels(), settings.stereo)
        left_eye, right_eye, nose, *_ = session.landmarks
        tip = maps.depth[round(nose[1]), round(nose[0])]
        for eye in (left_eye, right_eye):
            assert tip > maps.depth[round(nose[1]), round(eye[0])] + 5


def test_map_paths_keep_names(simulated_captures):
    session = simulated_captures[0]
    path = MapFolder(Path("out")).file_of(session.key)
    assert path == Path("out") / session.identity / f"{session.name}.exr"
