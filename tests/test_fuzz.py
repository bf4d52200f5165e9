"""Every reader on files that were damaged or made up: it reads them, or says in one line why not.

Each file is a good one, changed at random by a seed: bits, cuts, repeats, and what breaks parsers
(numbers of 400 digits, infinities, digits of other scripts, null bytes). A small part runs by
default; ``pytest -m slow tests/test_fuzz.py`` tries 1,000 files a reader, and FUZZ_SEED other ones.
"""

from __future__ import annotations

import os
import random
import re
import resource
import signal
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from safetensors.torch import save_file

from psface.captures.capture import Capture
from psface.captures.capture_table import read_captures, write_captures
from psface.captures.checks import check_capture
from psface.captures.exposure import exposure_of
from psface.captures.images import read_frame
from psface.captures.layouts.layouts import reader
from psface.captures.media import read_media
from psface.commands.audit.people import read_people
from psface.detect.annotations import read_annotations
from psface.detect.mtcnn.networks import Networks, load_networks
from psface.errors import UserError
from psface.faces.arrays import Faces
from psface.faces.packing import Form, Packable, Packed
from psface.faces.previous_crops import Previous
from psface.measures.scores import read_scores, write_scores
from psface.model.card import load_model
from psface.recognise.gallery import build_gallery, read_gallery, write_gallery
from psface.recognise.pair_lists import read_pairs
from psface.rig.formats.found import Options
from psface.rig.formats.rig_formats import import_rig
from psface.rig.rig import Rig, read_rig
from psface.stage_tables import read_table as read_own_table
from psface.stereo.map_files import Maps, read_maps, read_notes, write_maps
from psface.training.checkpoint import load_checkpoint, save_checkpoint
from psface.training.initialise import read_weights
from psface.training.training_data import measure_scale, read_part, usable_tasks
from psface.user_tables import whole
from stages.params import load_params
from tests.captures.layouts.test_recordio import RECORDS, packed
from tests.measures.scored_people import scores_of
from tests.rig.formats.written_mat import write_pair
from tests.rig.test_rig import DISTANT, NEAR
from tests.untrained_models import save_untrained, untrained_card
from tests.written_captures import write_capture, write_landmarks
from tests.written_pictures import dng, exposed, exr, saved, tiff

ROOT = Path(__file__).parents[1]
SEED = int(os.environ.get("FUZZ_SEED", "0"))
SECONDS, MEMORY = 10, 2 * 2**30
BREAKERS = [
    b"9" * 400, b"-" + b"9" * 400, b"1e400", b"inf", b"-inf", b"nan", "²".encode(), "٣".encode(),
    b"\0", b"-1", b"0", b"2147483648", b"9223372036854775808", b"18446744073709551616", b"1e-400",
    b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n\n", b",", b";", b'"', b"'", b"[" * 2000, b"{" * 2000,
    b"../../etc", b"/dev/zero", b"%n%s", b"\x7f\xff\xff\xff", b"\xff" * 8, b"null", b"{}", b"[]",
    b"true", b"0x10", b"1_000", b" ", b"\t", b"=", b"\xc3\x28", b"~", b": ", b"&a *a", b"!!x",
]  # fmt: skip


def changed(data: bytes, rng: random.Random) -> bytes:
    """Some bytes, damaged in one to four ways."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        length = min(rng.choice([1, 2, 4, 8, 16, 64]), len(out) - at)
        match rng.randrange(9):
            case 0 if out:
                out[at % len(out)] ^= 1 << rng.randrange(8)
            case 1:
                out[at : at + length] = rng.randbytes(length)
            case 2:
                del out[at:]
            case 3:
                del out[at : at + length]
            case 4:
                out[at:at] = out[at : at + length] * rng.choice([1, 3, 50])
            case 5:
                out[at:at] = rng.choice(BREAKERS)
            case 6 | 7:  # a word or a number for another
                words = [m for m in _words(bytes(out)) if m[1] - m[0] < 40]
                if words:
                    begin, end = rng.choice(words)
                    out[begin:end] = rng.choice(BREAKERS)
            case _:  # a number of the header of a binary file
                near = rng.randrange(min(len(out), 256) + 1)
                out[near : near + 4] = rng.choice(
                    [b"\xff" * 4, b"\0" * 4, b"\0\0\0\x80", b"\x7f" * 4]
                )
    return bytes(out)


def _words(data: bytes) -> list[tuple[int, int]]:
    return [m.span() for m in re.finditer(rb"[0-9A-Za-z_.+-]+", data[:20_000])]


@contextmanager
def limits():
    """A hang, or memory for more than there is, is an error."""

    def late(number, frame):
        raise TimeoutError(f"over {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    kept = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, kept[1]))
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, kept)
        signal.signal(signal.SIGALRM, before)


@dataclass(frozen=True)
class Target:
    """Good files, of which one is damaged at a time, and what reads them."""

    files: dict[str, bytes]
    read: Callable[[Path], object]
    damaged: tuple[str, ...] = ()


def good(make: Callable[[Path], object], folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    make(folder)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def consumed(items: Iterable[object]) -> list[object]:
    return list(items)


@pytest.fixture(scope="module")
def targets(settings, tmp_path_factory) -> dict[str, Target]:
    base = tmp_path_factory.mktemp("good")
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (9, 8, 3), dtype=np.uint8)
    out: dict[str, Target] = {}

    def ingest(source: str, root: Path) -> None:
        params = settings.ingest.model_copy(update={"source": source, "root": str(root)})
        for item in reader(source)(root, params, 0):
            check_capture(item, params)

    def photoface(folder: Path) -> None:
        write_landmarks(write_capture(folder / "person" / "session"))
        (folder / "person/session/metadataII.txt").write_text("male, no, none, , ok,  , , \n")

    files = good(photoface, base / "photoface")
    texts = tuple(name for name in files if not name.endswith(".png") and "im" not in name)
    out["photoface"] = Target(files, partial(ingest, "photoface"), texts)

    def manifest(folder: Path) -> None:
        lines = ["identity,session,frame,light_x,light_y,light_z,pose"]
        for number in range(3):
            cv2.imwrite(str(folder / f"{number}.png"), picture[..., 0] // (number + 1))
            lines.append(f"p,s,{number}.png,{0.1 * number},{0.2 - 0.3 * (number == 1)},1.0,left")
        (folder / "manifest.csv").write_text("\n".join(lines) + "\n")

    out["manifest"] = Target(
        good(manifest, base / "manifest"), partial(ingest, "manifest"), ("manifest.csv",)
    )

    def rigged(folder: Path) -> None:
        manifest(folder)
        lines = ["identity,session,frame,lamp,rig,role"]
        lines += [f"p,s,{number}.png,{'abc'[number]},lab/rig.yaml,frame" for number in range(3)]
        cv2.imwrite(str(folder / "dark.png"), picture[..., 0] // 9)
        (folder / "manifest.csv").write_text(
            "\n".join([*lines, "p,s,dark.png,,lab/rig.yaml,ambient", ""])
        )
        (folder / "lab").mkdir()
        lamps = [f"{{name: {n}, direction: [0.{i}, 0.{i % 2}, 0.99]}}" for i, n in enumerate("abc")]
        text = f"schema: psface-rig-1\nlamps: [{', '.join(lamps)}]\ncamera: {{response: srgb}}\n"
        (folder / "lab" / "rig.yaml").write_text(text)

    out["rigged manifest"] = Target(
        good(rigged, base / "rigged"), partial(ingest, "manifest"), ("manifest.csv", "lab/rig.yaml")
    )

    def celeba(folder: Path) -> None:
        (folder / "img_celeba").mkdir()
        cv2.imwrite(str(folder / "img_celeba" / "1.png"), picture)
        (folder / "identity_CelebA.txt").write_text("1.png 7\n")
        names = "Eyeglasses No_Beard Goatee Mustache 5_o_Clock_Shadow Male Smiling"
        (folder / "list_attr_celeba.txt").write_text(f"1\n{names}\n1.png 1 -1 1 1 -1 1 1\n")

    files = good(celeba, base / "celeba")
    texts = ("identity_CelebA.txt", "list_attr_celeba.txt")
    out["celeba"] = Target(files, partial(ingest, "celeba"), texts)

    def recordio(folder: Path) -> None:
        offsets, data = [], b""
        for record in RECORDS:
            offsets.append(len(data))
            data += packed(record)
        (folder / "train.rec").write_bytes(data)
        lines = [f"{key}\t{offset}\n" for key, offset in enumerate(offsets)]
        (folder / "train.idx").write_text("".join(lines))

    out["recordio"] = Target(good(recordio, base / "recordio"), partial(ingest, "recordio"))

    def pictures(folder: Path) -> None:
        for suffix in (".png", ".bmp", ".jpg", ".ppm", ".webp", ".pgm", ".avif"):
            drawn = picture[..., 0] if suffix == ".pgm" else picture
            (folder / f"a{suffix}").write_bytes(cv2.imencode(suffix, drawn)[1].tobytes())
        tifffile.imwrite(folder / "a.tif", picture.astype(np.uint16) * 257, compression="lzw")
        tifffile.imwrite(folder / "b.tif", picture, compression="deflate")
        (folder / "c.pgm").write_bytes(b"P2\n2 2\n1023\n1 2\n3 4\n")
        cv2.imwrite(str(folder / "d.png"), picture.astype(np.uint16) * 257)

    def every_picture(root: Path) -> None:
        for path in sorted(root.iterdir()):
            for _ in read_media(path):
                pass
            read_frame(path)

    for name, data in good(pictures, base / "pictures").items():
        out[f"picture {name}"] = Target({name: data}, every_picture)

    def frames(folder: Path) -> None:
        light = picture / np.float32(255)
        samples = rng.integers(600, 4000, (40, 48)).astype(np.uint16)
        channels = {name: light[..., number] for number, name in enumerate("RGB")}
        (folder / "a.exr").write_bytes(exr(channels, expTime=0.1))
        (folder / "b.exr").write_bytes(exr({"Y": light[..., 0].astype(np.float16)}))
        (folder / "a.tif").write_bytes(tiff(light, photometric="rgb", compression="deflate"))
        (folder / "a.dng").write_bytes(dng(samples))
        (folder / "exif.jpg").write_bytes(saved(picture, "JPEG", exif=b"Exif\0\0" + exposed()))

    def every_frame(root: Path) -> None:
        for path in root.iterdir():
            exposure_of(path.read_bytes(), path)
        every_picture(root)

    for name, data in good(frames, base / "frames").items():
        out[f"frame {name}"] = Target({name: data}, every_frame)

    def video(folder: Path) -> None:
        writer = cv2.VideoWriter(
            str(folder / "a.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 5, (64, 48)
        )
        for value in (40, 90, 140):
            writer.write(np.full((48, 64, 3), value, np.uint8))
        writer.release()

    out["video"] = Target(
        good(video, base / "video"), lambda root: consumed(read_media(root / "a.avi"))
    )

    def lists(folder: Path) -> None:
        (folder / "Bo").mkdir()
        (folder / "Al").mkdir()
        for name in ("Bo/Bo_0001", "Bo/Bo_0002", "Al/Al_0001"):
            cv2.imwrite(str(folder / f"{name}.jpg"), picture)
        (folder / "pairs.txt").write_text("1\t1\nBo\t1\t2\nBo\t1\tAl\t1\n")
        (folder / "pairs.csv").write_text(
            "first,second,same,fold\nBo/Bo_0001.jpg,Bo/Bo_0002.jpg,1,1\n"
            "Bo/Bo_0001.jpg,Al/Al_0001.jpg,0,1\n"
        )
        (folder / "people.csv").write_text("identity,gender,age\np1,male,31\np2,female,6.5\n")
        (folder / "wider.txt").write_text("Bo/Bo_0001.jpg\n1\n1 1 4 4 0 0 0 0 0 0\n")
        (folder / "a-ellipseList.txt").write_text("Bo/Bo_0001\n1\n3.0 2.0 0.1 4.0 4.0 1\n")
        (folder / "dlib.xml").write_text(
            "<?xml version='1.0'?><dataset><images><image file='Bo/Bo_0001.jpg'>"
            "<box top='1' left='1' width='4' height='4'/></image></images></dataset>"
        )

    files = good(lists, base / "lists")
    for name, read in {
        "pairs.txt": lambda root: read_pairs(root / "pairs.txt", None),
        "pairs.csv": lambda root: read_pairs(root / "pairs.csv", None),
        "people.csv": lambda root: read_people(root / "people.csv"),
        "wider.txt": lambda root: read_annotations(root / "wider.txt", "wider"),
        "a-ellipseList.txt": lambda root: read_annotations(root / "a-ellipseList.txt", "fddb"),
        "dlib.xml": lambda root: read_annotations(root / "dlib.xml", "dlib"),
    }.items():
        out[name] = Target(files, read, (name,))

    def parameters(folder: Path) -> None:
        (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())

    out["params.yaml"] = Target(
        good(parameters, base / "parameters"), lambda root: load_params(root / "params.yaml")
    )

    def rigs(folder: Path) -> None:
        (folder / "near.yaml").write_text(NEAR)
        (folder / "distant.yaml").write_text(DISTANT)
        (folder / "near.json").write_text(read_rig(folder / "near.yaml").text())
        (folder / "dome.lp").write_text("2\r\nleft 1.jpg -0.6 0 0.8\r\nC:\\b.jpg 0.6 0 0.8\r\n")
        (folder / "light_directions.txt").write_text("0 0 1\n0.6 0 0.8\n")
        (folder / "light_intensities.txt").write_text("1.5 2 2.5\n1 1 1\n")
        (folder / "filenames.txt").write_text("001.png\n002.png\n")
        write_pair(folder)

    def use_rig(rig: Rig) -> None:
        assert np.isfinite(rig.lights()).all()

    def foreign(name: str, root: Path) -> None:
        options = Options(size=(2600, 1732)) if name == "light.mat" else Options()
        use_rig(import_rig(root / name, options=options, distance_mm=700.0)[0])

    files = good(rigs, base / "rigs")
    for name in ("near.yaml", "near.json", "distant.yaml"):
        out[f"rig {name}"] = Target(
            {name: files[name]}, lambda root, n=name: use_rig(read_rig(root / n))
        )
    for name, damaged in {
        "dome.lp": ("dome.lp",),
        "light_directions.txt": tuple(n for n in files if n.endswith(".txt")),
        "light.mat": ("light.mat", "camera.mat"),
    }.items():
        out[f"rig {name}"] = Target(files, partial(foreign, name), damaged)

    def pth(folder: Path) -> None:
        torch.save({"state_dict": {"a": torch.zeros(3)}}, folder / "a.pth")
        save_file({"a": torch.zeros(3)}, folder / "a.safetensors")
        save_file(
            {n: v.contiguous() for n, v in Networks().state_dict().items()},
            folder / "mtcnn.safetensors",
        )

    files = good(pth, base / "pth")
    for name in ("a.pth", "a.safetensors"):
        out[name] = Target({name: files[name]}, lambda root, n=name: read_weights(root / n))
    out["mtcnn"] = Target(
        {"mtcnn.safetensors": files["mtcnn.safetensors"]},
        lambda root: load_networks(root / "mtcnn.safetensors"),
    )

    # psface's own files.
    sessions = [
        Capture("p", f"s{i}", ("a.png",) * 4, np.eye(4, 3), {"pose": "l"}, np.eye(5, 2), "d", 12)
        for i in range(3)
    ]
    (base / "lab.yaml").write_text(NEAR)
    lab = read_rig(base / "lab.yaml")
    sessions.append(replace(sessions[0], frames=("a", "b"), rig=lab, ambient="c", mask="d"))
    out["sessions.parquet"] = Target(
        good(lambda f: write_captures(f / "sessions.parquet", sessions), base / "sessions"),
        lambda root: consumed(read_captures(root / "sessions.parquet")),
    )

    def split(folder: Path) -> None:
        table = pd.DataFrame({"row": range(4), "identity": list("aabb"), "session": list("xyxy")})
        table.assign(pose=["left", "right"] * 2).to_csv(folder / "train.csv", index=False)
        np.save(folder / "raw.npy", rng.normal(size=(4, 1, 8, 8)).astype(np.float16))

    def use_split(root: Path) -> None:
        table = read_own_table(root / "train.csv", "split")
        tasks = usable_tasks(table, {"pose": {"l": ["left"], "r": ["right"]}})
        faces = Faces(root, ["raw"])
        measure_scale(faces, read_part(table, tasks, len(faces)).rows)

    out["split"] = Target(good(split, base / "split"), use_split)

    form = Form(8, {"raw": 1}, ("pose",))

    def crops(folder: Path) -> None:
        with Packed(folder, form) as made:
            for number in range(3):
                found = {"found_on": "raw", "score": 0.9, "landmarks": [1.0] * 10, "trust": ""}
                row = {"identity": "p", "session": f"{number}", "fingerprint": f"f{number}"}
                planes = {"raw": rng.normal(size=(1, 8, 8)).astype(np.float16)}
                made.add(Packable(planes, found), row)

    def use_crops(root: Path) -> None:
        before = Previous(root, form)
        for number in range(3):
            before.get(f"f{number}")
        read_own_table(root / "faces.parquet", "crop")

    out["faces"] = Target(good(crops, base / "faces"), use_crops)

    scores = scores_of(rng.normal(size=(8, 4)), np.array(list("aabbccdd")), {"x": list("01011010")})
    out["scores.npz"] = Target(
        good(lambda f: write_scores(f / "scores.npz", scores), base / "scores"),
        lambda root: read_scores(root / "scores.npz"),
    )
    out["checkpoint"] = Target(
        good(
            lambda f: save_checkpoint(f / "c.pt", "mark", {"network": {"a": torch.zeros(3)}}),
            base / "checkpoint",
        ),
        lambda root: load_checkpoint(root / "c.pt", "mark"),
    )
    card = untrained_card(settings, "raw").model_copy(update={"embedding": 4})
    model = good(lambda f: save_untrained(f, card), base / "model")
    out["card.json"] = Target(
        model, lambda root: load_model(root, torch.device("cpu")), ("card.json",)
    )
    gallery = build_gallery(
        np.array(list("aabb")), rng.normal(size=(4, 6)).astype(np.float32), None, "digest"
    )
    out["gallery"] = Target(
        good(lambda f: write_gallery(f / "g.safetensors", gallery), base / "gallery"),
        lambda root: read_gallery(root / "g.safetensors", "digest"),
    )
    shape = (6, 5)
    maps = Maps(
        np.zeros((3, *shape)),
        np.ones(shape),
        np.ones(shape),
        np.ones(shape, bool),
        np.zeros((4, 2)),
        {"a": "b"},
        0.25,
        np.zeros((3, *shape)),
    )

    def use_maps(root: Path) -> None:
        read_notes(root / "m.exr")
        read_maps(root / "m.exr")

    out["maps"] = Target(good(lambda f: write_maps(f / "m.exr", maps), base / "maps"), use_maps)
    return out


NAMES = [
    "photoface", "manifest", "rigged manifest", "celeba", "recordio", "picture a.png",
    "picture a.bmp",
    "picture a.jpg", "picture a.ppm", "picture a.webp", "picture a.pgm", "picture a.avif",
    "picture a.tif", "picture b.tif", "picture c.pgm", "picture d.png", "video", "pairs.txt",
    "pairs.csv", "people.csv", "wider.txt", "a-ellipseList.txt", "dlib.xml", "params.yaml", "a.pth",
    "a.safetensors", "mtcnn", "sessions.parquet", "split", "faces", "scores.npz", "checkpoint",
    "card.json", "gallery", "maps", "frame a.exr", "frame b.exr", "frame a.tif", "frame a.dng",
    "frame exif.jpg", "rig near.yaml", "rig near.json", "rig distant.yaml",
    "rig dome.lp", "rig light_directions.txt", "rig light.mat",
]  # fmt: skip


def attack(target: Target, name: str, root: Path, count: int) -> None:
    rng = random.Random(f"{name} {SEED}")
    failures = []
    names = target.damaged or tuple(target.files)
    for path, content in target.files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    target.read(root)
    for number in range(count):
        chosen = rng.choice(names)
        damaged = changed(target.files[chosen], rng)
        (root / chosen).write_bytes(damaged)
        try:
            with limits():
                target.read(root)
        except UserError as error:
            if "\n" in str(error).strip() or len(str(error)) > 2000:
                failures.append((number, f"not one line: {str(error)[:200]!r}"))
        except BaseException as error:
            failures.append((number, f"{type(error).__name__}: {str(error)[:150]}"))
        (root / chosen).write_bytes(target.files[chosen])
    assert not failures, f"{len(failures)} of {count}, the first: {failures[:5]}"


def test_every_target_is_named(targets):
    assert set(targets) == set(NAMES)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_damaged_files(targets, name, tmp_path):
    attack(targets[name], name, tmp_path, 15)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_very_many_damaged_files(targets, name, tmp_path):
    attack(targets[name], f"many {name}", tmp_path, 1000)


def test_a_small_file_of_very_many_pixels(tmp_path):
    data = bytearray(cv2.imencode(".png", np.zeros((4, 4), np.uint8))[1].tobytes())
    data[16:24] = (32000).to_bytes(4, "big") * 2
    for suffix, content in {
        ".png": bytes(data), ".pgm": b"P5 32000 32000 255\n", ".bmp": _large_bmp()
    }.items():  # fmt: skip
        path = tmp_path / f"large{suffix}"
        path.write_bytes(content)
        with limits(), pytest.raises(UserError, match="pixels, more than 150000000"):
            read_frame(path)
    small = tmp_path / "small.png"
    cv2.imwrite(str(small), np.zeros((10, 11), np.uint8))
    with pytest.raises(UserError, match=r"11 x 10 pixels, more than 109; .*max_pixels"):
        read_frame(small, None, 109)
    assert read_frame(small, None, 110).shape == read_frame(small, None, None).shape == (10, 11)


def _large_bmp() -> bytes:
    data = bytearray(cv2.imencode(".bmp", np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    data[18:26] = (32000).to_bytes(4, "little") * 2
    return bytes(data)


def test_parameters_nested_very_deep(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("a: " + "[" * 20_000)
    with limits(), pytest.raises(UserError, match=r"params\.yaml: not readable as YAML"):
        load_params(path)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("9" * 400, None),
        ("²", None),
        ("٣", None),
        ("-1", None),
        ("", None),
        ("1_0", None),
    ],
)
def test_whole_numbers(text, number):
    assert whole(text) == number
