"""Pictures and video in, whatever state they are in."""

import errno
import io
import os
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from psface.captures.media import (
    Picture,
    Unreadable,
    find_media,
    frame_count,
    read_media,
    read_picture,
)
from psface.errors import UserError
from psface.report.annotated_pictures import storable

RED = np.zeros((40, 60, 3), np.uint8)
RED[:20, :, 0] = 250  # the upper half


def saved(image: Image.Image, form: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def write_video(path, frames: int, size=(64, 48)) -> None:
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, size)
    for number in range(frames):
        video.write(np.full((size[1], size[0], 3), 20 * number, np.uint8))
    video.release()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".webp"])
def test_colours_come_as_rgb(tmp_path, suffix):
    path = tmp_path / f"red{suffix}"
    form = {".tif": "TIFF", ".ppm": "PPM"}.get(suffix, suffix[1:].upper())
    options = {"lossless": True} if form == "WEBP" else {}
    path.write_bytes(saved(Image.fromarray(RED), form, **options))
    assert (read_picture(path) == RED).all()


def test_grey_of_16_bits_keeps_them(tmp_path):
    deep = (np.arange(600).reshape(20, 30) * 100).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    read = read_picture(tmp_path / "deep.png")
    assert read.dtype == np.uint16 and (read == deep[..., None]).all()


def test_cmyk(tmp_path):
    path = tmp_path / "press.jpg"
    path.write_bytes(saved(Image.fromarray(RED).convert("CMYK"), "JPEG", quality=95))
    assert np.abs(read_picture(path).astype(int) - RED).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_a_picture_as_viewers_do(tmp_path, orientation):
    given = np.zeros((30, 50, 3), np.uint8)
    given[:15, :20] = 255  # a corner that tells all eight apart
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "phone.jpg"
    path.write_bytes(saved(Image.fromarray(given), "JPEG", exif=exif, quality=95))
    from PIL import ImageOps

    seen = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    read = read_picture(path)
    assert read.shape == seen.shape
    assert np.abs(read.astype(int) - seen).mean() < 3


@pytest.mark.parametrize("content", ["text", "truncated", "empty", "32 bits"])
def test_what_is_no_picture_says_so(tmp_path, content):
    path = tmp_path / "face.png"
    grain = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    whole = saved(Image.fromarray(grain), "PNG")
    if content == "32 bits":
        path = tmp_path / "face.tif"
        whole = saved(Image.fromarray(np.ones((9, 9), np.int32)), "TIFF")
    path.write_bytes(
        {"text": b"not a picture", "truncated": whole[:-50], "empty": b"", "32 bits": whole}[
            content
        ]
    )
    said = "int32 pixels" if content == "32 bits" else "truncated or not an image"
    with pytest.raises(UserError, match=rf"{path.name}: {said}"):
        read_picture(path)
    [item] = read_media(path)
    assert isinstance(item, Unreadable) and item.path == path and item.reason.startswith(said)


def test_files_of_folders_in_order(tmp_path):
    for name in ("b/2.JPG", "b/1.png", "a.mp4", "notes.txt", "Tiếng Việt/người.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    names = [path.relative_to(tmp_path).as_posix() for path in find_media([tmp_path])]
    assert names == ["Tiếng Việt/người.jpeg", "a.mp4", "b/1.png", "b/2.JPG"]
    # What is named is taken, whatever its suffix.
    assert find_media([tmp_path / "notes.txt"]) == [tmp_path / "notes.txt"]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    for name in ("closed/1.png", "open/2.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    scan = os.scandir

    def refusing(path):
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = find_media([tmp_path])
    assert found == [tmp_path / "closed", tmp_path / "open/2.png"]
    [item] = read_media(found[0])
    assert isinstance(item, Unreadable) and item.reason


def test_nothing_to_look_at(tmp_path):
    with pytest.raises(UserError, match="none: no such file or folder"):
        find_media([tmp_path / "none"])
    with pytest.raises(UserError, match=r"no picture .* and no video"):
        find_media([tmp_path])


def test_video_frame_by_frame(tmp_path):
    path = tmp_path / "clip.mp4"
    write_video(path, 7)
    items = list(read_media(path))
    assert frame_count(path) == 7
    assert [item.frame for item in items if isinstance(item, Picture)] == list(range(7))
    assert items[0].image.shape == (48, 64, 3)
    means = [item.image.mean() for item in items]
    assert means == pytest.approx([20 * i for i in range(7)], abs=4)


def test_a_video_of_too_many_pixels(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, 3)
    assert len(list(read_media(path, max_pixels=64 * 48))) == 3
    [only] = read_media(path, max_pixels=64 * 48 - 1)
    assert only.reason.startswith("64 x 48 pixels, more than 3071; make it smaller")


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100])
def test_a_video_without_a_frame(tmp_path, content):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    [item] = read_media(path)
    assert isinstance(item, Unreadable) and "no frame can be read" in item.reason
    assert frame_count(path) == 0


def test_a_video_that_breaks_off(tmp_path):
    path = tmp_path / "clip.avi"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    rng = np.random.default_rng(0)
    for _ in range(20):
        video.write(rng.integers(0, 255, (48, 64, 3), np.uint8))
    video.release()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    *pictures, last = read_media(path)
    assert 0 < len(pictures) < 20
    assert isinstance(last, Unreadable) or len(pictures) == frame_count(path)


def test_a_video_that_is_cut_off_and_one_that_is_not(tmp_path):
    whole, cut = tmp_path / "a:b%d.avi", tmp_path / "cut.avi"
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for number in range(60):
        writer.write(np.full((48, 64, 3), 4 * number, np.uint8))
    writer.release()
    assert all(isinstance(item, Picture) for item in read_media(whole))
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    items = list(read_media(cut))
    assert isinstance(items[-1], Unreadable) and len(items) < 60


def test_frames_at_varying_distance_are_no_cut(shared_data, tmp_path):
    with tarfile.open(shared_data / "cases.tar.gz") as cases:
        cases.extractall(tmp_path, filter="data")
    for name in ("video-variable-rate/vfr.mkv", "video-variable-rate/vfr.webm"):
        items = list(read_media(tmp_path / name))
        assert len(items) == 12 and all(isinstance(item, Picture) for item in items)


@pytest.mark.parametrize(
    "rate", [239.763, 23.976, 29.97, 119.88, 1000.0, 0.5, 59.9401, 65535.7, 1e6, 12.3456789]
)
def test_any_rate_can_be_stored(tmp_path, rate):
    stored = storable(rate)
    assert stored == pytest.approx(min(rate, 65535), rel=5e-4)
    path = tmp_path / "v.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), stored, (64, 48))
    assert writer.isOpened()
    for _ in range(3):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    assert sum(isinstance(item, Picture) for item in read_media(path)) == 3


def test_a_video_whose_name_is_not_utf_8(tmp_path):
    path = tmp_path / "plain.mp4"
    write_video(path, 3)
    path = path.rename(tmp_path / os.fsdecode(b"Jos\xe9.mp4"))
    [item] = read_media(path)
    assert isinstance(item, Unreadable) and "not UTF-8" in item.reason and frame_count(path) == 1


def test_kinds_that_cannot_be_read_are_named(tmp_path):
    for name in ("a.heic", "b.cr2", "c.jfif", "d.jpe", "e.JPG", "f.txt", ".hidden.jpg", "g.avif"):
        (tmp_path / name).write_bytes(b"")
    found = [path.name for path in find_media([tmp_path])]
    assert found == ["a.heic", "b.cr2", "c.jfif", "d.jpe", "e.JPG", "g.avif"]
