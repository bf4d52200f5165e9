"""A model on captures and pictures: the same crops as the pipeline's, by the card alone."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from torch import nn

from psface.captures.capture import Capture, Refusal, picture
from psface.captures.capture_table import write_captures
from psface.captures.discovery import find_captures, people_in
from psface.captures.media import read_picture
from psface.captures.rigged import read_placed_rig
from psface.errors import UserError
from psface.faces.cropping import Crop
from psface.faces.stored_planes import in_halves
from psface.model.card import Card
from psface.model.network import attention
from psface.model.onnx_export import export
from psface.recognise.preprocessing import crop_for, crops_on
from psface.recognise.recogniser import Recogniser
from psface.rig.rig import Camera, Rig, write_rig
from stages.crop import crop
from stages.stereo import stereo
from tests.shapes import FOUR_LIGHTS
from tests.untrained_models import save_untrained, untrained_card
from tests.written_captures import ingested, write_capture
from tests.written_rigs import distant_rig, near_rig, write_unlit

pytestmark = pytest.mark.usefixtures("one_process")


def packed(captures: list[Capture], card: Card, folder: Path) -> np.ndarray:
    """What the pipeline's stages make of captures, as the network takes it: (N, C, S, S)."""
    table, maps, faces = (folder / name for name in ("captures.parquet", "stereo", "faces"))
    write_captures(table, captures)
    stereo(card.stereo, table, maps, folder / "stereo.json")
    assert crop(card.crop, table, maps, faces, folder / "faces.png", folder / "doubts.png") == (
        len(captures),
        0,
        0,
    )
    stored = [in_halves(np.load(faces / f"{name}.npy")) for name in card.maps]
    return np.concatenate(stored, axis=1)


@pytest.fixture
def no_truth(monkeypatch) -> None:
    """Maps are not compared with the truth, which takes longer than their making."""
    monkeypatch.setattr("stages.stereo.truth_metrics", lambda *_: {})


def assert_same_bytes(crops: list[Crop], card: Card, arrays: np.ndarray) -> None:
    assert len(crops) == len(arrays)
    for found, expected in zip(crops, arrays, strict=True):
        values = card.stacked(found.planes)
        assert values.dtype == expected.dtype == np.float16 and values.astype(float).std() > 0.05
        assert np.array_equal(values, expected)


@pytest.mark.parametrize(
    ("modality", "changes"),
    [
        ("all", {}),
        ("frames", {}),
        ("raw", {}),
        ("all", {"oval": False, "padding": 0.3}),
        ("raw", {"colour": True}),
        ("frames", {"even_exposure": True}),
    ],
)
def test_a_capture_becomes_the_very_bytes_that_the_pipeline_makes_of_it(
    simulated_captures, settings, tmp_path, no_truth, modality, changes
):
    card = untrained_card(settings, modality, **changes)
    captures = simulated_captures[3:5]
    crops = [crop_for(capture, card) for capture in captures]
    assert_same_bytes(crops, card, packed(captures, card, tmp_path))
    for found in crops:
        assert found.face.box[0] < found.face.landmarks[:, 0].mean() < found.face.box[2]


def test_frames_that_are_not_registered_become_the_very_bytes_of_the_pipeline(
    simulated_captures, settings, tmp_path, no_truth
):
    plain = {"register_frames": False, "integrator": "frankot-chellappa"}
    card = untrained_card(settings, "all")
    card = card.model_copy(update={"stereo": card.stereo.model_copy(update=plain)})
    capture = simulated_captures[0]
    assert_same_bytes([crop_for(capture, card)], card, packed([capture], card, tmp_path))


def test_a_real_capture_becomes_the_very_bytes_of_the_pipeline(shared_data, settings, tmp_path):
    root = shared_data / "photoface" / "Photometric_DB"
    [capture] = people_in(root)
    for modality in ("all", "frames"):
        card = untrained_card(settings, modality)
        made = packed([capture], card, tmp_path / modality)
        assert_same_bytes([crop_for(capture, card)], card, made)


RIGS = {
    "distant, unequal": lambda lights: distant_rig(lights, (0.9, 1.1, 1.0, 1.2)),
    "near": near_rig,
    "only the camera": lambda lights: Rig(camera=Camera(response="srgb")),
}


@pytest.mark.parametrize(
    ("kind", "stated"), [("distant, unequal", True), ("near", False), ("only the camera", True)]
)
def test_a_capture_by_a_rig_becomes_the_very_bytes_of_the_pipeline(
    simulated_captures, settings, tmp_path, no_truth, kind, stated
):
    """Whether the rig is named or its file is above the captures."""
    card, root = untrained_card(settings, "all"), tmp_path / "root"
    rig = RIGS[kind](simulated_captures[2].lights)
    place = tmp_path / "rig" if stated else root
    write_rig(place / "rig.yaml", rig)
    write_unlit(root / "an" / "monday", simulated_captures[2], lit=not rig.lamps)
    params = {"source": "photoface", "root": str(root), "rig": str(place) if stated else ""}
    [capture], refused = ingested(settings.ingest.model_copy(update=params), 1, tmp_path)
    assert not refused and capture.rig == rig
    made = packed([capture], card, tmp_path)
    given = read_placed_rig(place) if stated else None
    for found in (find_captures([root], rig=given), people_in(root, given)):
        assert_same_bytes([crop_for(one, card) for one in found], card, made)
    ideal = crop_for(simulated_captures[2], card)
    assert not np.array_equal(card.stacked(ideal.planes), made[0])  # the rig matters


@pytest.mark.parametrize("changes", [{}, {"colour": True}, {"even_exposure": True, "oval": False}])
def test_a_picture_becomes_the_very_bytes_that_the_pipeline_makes_of_it(
    simulated_captures, settings, tmp_path, changes
):
    card = untrained_card(settings, "raw", **changes)
    paths = [Path(capture.frames[i]) for i, capture in enumerate(simulated_captures[:4])]
    pictures = [picture(str(i), path) for i, path in enumerate(paths)]
    made = packed(pictures, card, tmp_path)
    assert_same_bytes([crop_for(one, card) for one in pictures], card, made)
    found = [crops_on(read_picture(path), card) for path in paths]
    assert_same_bytes([crop for [crop] in found], card, made)


def test_the_pipeline_s_workers_make_the_very_bytes_of_this_process(
    simulated_captures, settings, tmp_path, no_truth, monkeypatch
):
    """However many threads each has."""
    card = untrained_card(settings, "all")
    captures = simulated_captures[:2]
    crops = [crop_for(capture, card) for capture in captures]
    monkeypatch.setattr("psface.parallel.available_cpus", lambda: 2)
    assert_same_bytes(crops, card, packed(captures, card, tmp_path))


def test_a_picture_is_cut_like_a_capture_of_one_frame(simulated_captures, settings):
    card = untrained_card(settings, "raw")
    path = Path(simulated_captures[0].frames[1])
    [from_picture] = crops_on(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), card)
    from_file = crop_for(picture("a", path), card)
    np.testing.assert_array_equal(from_picture.planes["raw"], from_file.planes["raw"])


def raw(crop: Crop) -> np.ndarray:
    return crop.planes["raw"].astype(float)


def test_every_face_of_a_picture_is_cut(simulated_captures, settings):
    card = untrained_card(settings, "raw", zoom=1.0)
    faces = [cv2.imread(simulated_captures[i].frames[0], cv2.IMREAD_GRAYSCALE) for i in (0, 2)]
    cuts = crops_on(np.hstack(faces), card)
    assert len(cuts) == 2
    alone = [raw(crops_on(face, card)[0]) for face in faces]
    by_place = [raw(cut) for cut in sorted(cuts, key=lambda cut: cut.face.box[0])]
    far = [[np.abs(one - other).mean() for other in alone] for one in by_place]
    assert max(far[0][0], far[1][1]) < 0.02 < min(far[0][1], far[1][0])


def test_colour_comes_in_the_order_of_the_card(simulated_captures, settings, tmp_path):
    grey = cv2.imread(simulated_captures[0].frames[0], cv2.IMREAD_GRAYSCALE)
    tinted = np.stack([grey * 0.25, grey * 0.5, grey * 1.0], axis=-1)  # OpenCV's order: B, G, R
    path = tmp_path / "tinted.png"
    cv2.imwrite(str(path), tinted.round().astype(np.uint8))
    card = untrained_card(settings, "raw", colour=True, oval=False)
    red, green, blue = raw(crop_for(picture("a", path), card))
    lit = red > 0.2
    assert (green[lit] / red[lit]).mean() == pytest.approx(0.5, abs=0.02)
    assert (blue[lit] / red[lit]).mean() == pytest.approx(0.25, abs=0.02)
    # Without the oval, the corners hold what the picture has there.
    assert untrained_card(settings, "raw").crop.oval and (red[0] != 0).any()


def test_even_exposure_undoes_a_darker_picture(simulated_captures, settings, tmp_path):
    grey = cv2.imread(simulated_captures[0].frames[0], cv2.IMREAD_GRAYSCALE)
    paths = [tmp_path / "bright.png", tmp_path / "dark.png"]
    for path, gain in zip(paths, (1.0, 0.5), strict=True):
        cv2.imwrite(str(path), (grey * gain).round().astype(np.uint8))
    uneven, even = (
        untrained_card(settings, "raw", even_exposure=e, zoom=1.0) for e in (False, True)
    )
    bright, dark = (raw(crop_for(picture("a", path), even)) for path in paths)
    assert np.abs(bright - dark).mean() < 0.03  # landmarks move a little with the light
    assert bright[bright > 0].mean() == pytest.approx(0.45, rel=0.05)
    bright, dark = (raw(crop_for(picture("a", path), uneven)) for path in paths)
    assert np.abs(bright - dark).mean() > 0.1


def test_aligned_pictures_are_taken_as_they_are(settings, tmp_path):
    crop_112 = np.random.default_rng(0).integers(0, 255, (112, 112), np.uint8)
    crop_112 = cv2.GaussianBlur(crop_112, (0, 0), 4)
    cv2.imwrite(str(tmp_path / "aligned.png"), crop_112)
    card = untrained_card(settings, "raw", detector="aligned", oval=False, size=112, zoom=1.0)
    [values] = raw(crop_for(picture("a", tmp_path / "aligned.png"), card))
    np.testing.assert_allclose(values, crop_112 / 255, atol=2e-3)
    cv2.imwrite(str(tmp_path / "oblong.png"), crop_112[:90])
    with pytest.raises(UserError, match=r"oblong\.png: not square"):
        crop_for(picture("a", tmp_path / "oblong.png"), card)


def test_what_a_model_cannot_use_says_why(simulated_captures, settings, tmp_path):
    one = picture("a", Path(simulated_captures[0].frames[0]))
    with pytest.raises(UserError, match=r"one picture; the model \(modality all\) needs captures"):
        crop_for(one, untrained_card(settings, "all"))
    session = simulated_captures[0]
    three = replace(session, frames=session.frames[:3], lights=session.lights[:3])
    with pytest.raises(UserError, match=r"3 frames; the model \(modality frames\) needs 4"):
        crop_for(three, untrained_card(settings, "frames"))
    flat = replace(session, lights=np.tile(session.lights[:1], (4, 1)))
    with pytest.raises(UserError, match="coplanar"):
        crop_for(flat, untrained_card(settings, "all"))
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((200, 200), 128, np.uint8))
    with pytest.raises(UserError, match=r"blank\.png: no face of 60 px or more"):
        crop_for(picture("a", blank), untrained_card(settings, "raw"))
    with pytest.raises(UserError, match=r"none\.png: No such file"):
        crop_for(picture("a", tmp_path / "none.png"), untrained_card(settings, "raw"))


def test_what_is_found_under_a_path(tmp_path):
    write_capture(tmp_path / "all" / "an" / "monday")
    (tmp_path / "all" / "Nguyễn Văn A").mkdir()
    black = np.zeros((8, 8), np.uint8)
    for name in ("ảnh một.jpg", ".hidden.jpg", "video.mp4", "notes.pdf"):
        path = tmp_path / "all" / "Nguyễn Văn A" / name
        path.write_bytes(cv2.imencode(".jpg", black)[1].tobytes())
    (tmp_path / "all" / "loop").symlink_to(tmp_path / "all")
    broken = write_capture(tmp_path / "all" / "an" / "tuesday")
    (broken / "im2.bmp").unlink()
    found = list(find_captures([tmp_path / "all"]))
    sessions = [item for item in found if isinstance(item, Capture)]
    assert [s.key for s in sessions] == ["an/monday"]
    [refusal] = [item for item in found if isinstance(item, Refusal)]
    assert "im2.bmp missing" in refusal.reason
    assert {p.name for p in found if isinstance(p, Path)} == {"video.mp4", "ảnh một.jpg"}

    people = list(people_in(tmp_path / "all"))
    by_person = sorted((p.identity, p.name) for p in people if isinstance(p, Capture))
    assert by_person == [("Nguyễn Văn A", "ảnh một.jpg"), ("an", "monday")]
    reasons = " ".join(item.reason for item in people if isinstance(item, Refusal))
    for said in ("video.mp4: a video", "notes.pdf: neither a picture", "loop: a link to a folder"):
        assert said in reasons
    with pytest.raises(UserError, match="no such file"):
        list(find_captures([tmp_path / "nothing"]))
    with pytest.raises(UserError, match="no such folder"):
        list(people_in(tmp_path / "nothing"))


def test_a_manifest_names_its_people(tmp_path):
    write_capture(tmp_path / "shots")
    lines = ["identity,session,frame,light_x,light_y,light_z"]
    lights = [",".join(map(str, light)) for light in FOUR_LIGHTS]
    lines += [f"Bình,one,shots/im{i}.bmp,{lights[i]}" for i in range(4)]
    (tmp_path / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    [session] = people_in(tmp_path)
    assert session.identity == "Bình" and len(session.frames) == 4


def test_an_exported_model_is_the_same_model(settings, simulated_captures, tmp_path, monkeypatch):
    pytest.importorskip("onnxscript")
    card = save_untrained(tmp_path / "model", untrained_card(settings, "normalmap-albedo"))
    crops = [card.stacked(crop_for(c, card).planes) for c in simulated_captures[:3]]
    faces = tmp_path / "faces"
    faces.mkdir()
    np.save(faces / "normalmap.npy", np.stack(crops)[:, :3])
    np.save(faces / "albedo.npy", np.stack(crops)[:, 3:])
    attention._pooling.cache_clear()  # as in a process that has done nothing else
    alike = export(tmp_path / "model", tmp_path / "onnx", faces)
    assert alike > 0.9999
    assert export(tmp_path / "model", tmp_path / "by_noise") > 0.9999
    graph = pytest.importorskip("onnx").load(tmp_path / "onnx" / "model.onnx").graph
    convolutions = [m for m in card.build().modules() if isinstance(m, nn.Conv2d)]
    assert [node.op_type for node in graph.node].count("Conv") == len(convolutions)
    first, second = Recogniser(tmp_path / "model"), Recogniser(tmp_path / "onnx")
    assert first.digest == second.digest
    a, b = first.embed_stored(iter(crops)), second.embed_stored(iter(crops))
    cosine = (a.identity * b.identity).sum(axis=1)
    cosine /= np.linalg.norm(a.identity, axis=1) * np.linalg.norm(b.identity, axis=1)
    assert cosine.min() > 0.999  # torch computes in half precision where the processor can
    np.testing.assert_allclose(a.attributes["gender"], b.attributes["gender"], atol=0.02)

    other = save_untrained(tmp_path / "other", card.model_copy(update={"dropout": 0.5}))
    (tmp_path / "other" / "model.onnx").write_bytes((tmp_path / "onnx/model.onnx").read_bytes())
    assert other.digest != card.digest
    with pytest.raises(UserError, match="do not match; export again"):
        Recogniser(tmp_path / "other")

    with pytest.raises(UserError, match="holds the model itself"):
        export(tmp_path / "model", tmp_path / "model", faces)
    np.save(faces / "albedo.npy", np.stack(crops)[:, 3:, :40, :40])
    with pytest.raises((UserError, ValueError)):
        export(tmp_path / "model", tmp_path / "again", faces)
    monkeypatch.setattr("psface.model.onnx_export.ALIKE", 1.5)
    np.save(faces / "albedo.npy", np.stack(crops)[:, 3:])
    with pytest.raises(UserError, match="embeddings differ"):
        export(tmp_path / "model", tmp_path / "again", faces)
    assert not list((tmp_path / "again").glob("*"))


def test_what_is_no_exported_model(settings, tmp_path):
    pytest.importorskip("onnxruntime")
    folder = tmp_path / "onnx"
    save_untrained(folder, untrained_card(settings, "raw"))
    (folder / "model.onnx").write_bytes(b"no model")
    with pytest.raises(UserError, match=r"model\.onnx: not an ONNX model"):
        Recogniser(folder)
