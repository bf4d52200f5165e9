"""The rules about one picture, each broken on purpose."""

import cv2
import numpy as np
import pytest

from psface.commands.audit.audit_faces import find_faces
from psface.commands.audit.data_set import Entry
from psface.commands.audit.degraded import blurred, halftone, portrait, taken
from psface.commands.audit.judging import OF_FACE, OF_PICTURE, judge

NEVER = np.random.default_rng(9)


@pytest.fixture
def judged(tmp_path, save, lenient):
    """Findings by rule, of an image or of bytes."""

    def judged(image, name="a.png", **changed):
        path = tmp_path / "adults/an" / name
        if isinstance(image, bytes):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(image)
        else:
            save(path, image)
        entry = Entry("picture", "adults", "an", f"adults/an/{name}")
        result = judge(lenient.model_copy(update=changed), tmp_path, entry)
        assert all(f.path == entry.path and f.identity == "an" for f in result.findings)
        findings = {f.rule: f for f in result.findings}
        assert len(findings) == len(result.findings)
        broken = any(f.verdict == "violation" for f in result.findings)
        assert bool(result.thumbnail) == (broken and findings["readable"].verdict == "ok")
        return findings

    return judged


def broken(findings) -> set:
    return {name for name, finding in findings.items() if finding.verdict != "ok"}


def test_a_picture_that_breaks_no_rule(judged, picture):
    findings = judged(picture)
    assert not broken(findings)
    assert set(findings) == {"layout", "readable", *OF_PICTURE, *OF_FACE}
    assert findings["shorter_side"].value == 360 and findings["longer_side"].value == 480
    assert findings["aspect"].value == pytest.approx(4 / 3, abs=1e-3)
    assert findings["face_share"].value == pytest.approx(0.17, abs=0.05)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_depth_and_format_change_nothing(judged, picture, depth, name):
    image = picture if depth == np.uint8 else picture.astype(np.uint16) * 257
    findings, plain = judged(image, name), judged(picture)
    assert not broken(findings)
    for rule in OF_FACE:
        assert findings[rule].value == pytest.approx(plain[rule].value, abs=1.1)


def test_picture_as_a_whole(judged, picture):
    assert "shorter_side" in broken(judged(cv2.resize(picture, (150, 200))))
    assert broken(judged(picture, max_side=400)) == {"longer_side"}
    wide = cv2.copyMakeBorder(picture, 0, 0, 100, 100, cv2.BORDER_REPLICATE)
    assert broken(judged(wide)) == {"aspect"}
    tall = cv2.copyMakeBorder(picture, 150, 150, 0, 0, cv2.BORDER_REPLICATE)
    assert broken(judged(tall)) == {"aspect"}


def test_faces_are_one(judged, picture):
    two = judged(np.concatenate([picture, picture], axis=1))
    assert two["faces"].value == 2 and two["faces"].verdict == "violation"
    none = judged(np.full_like(picture, 90))
    assert none["faces"].value == 0 and none["faces"].verdict == "violation"
    for rule in OF_FACE:
        assert (none[rule].verdict, none[rule].note) == ("not measurable", "no face found")


def test_size_of_the_face(judged, picture):
    small = cv2.resize(picture, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    findings = judged(small)
    assert broken(findings) - {"pattern"} == {"face_size"}
    assert findings["face_size"].value == pytest.approx(
        0.6 * judged(picture)["face_size"].value, 0.1
    )
    far = cv2.copyMakeBorder(picture, 300, 300, 250, 250, cv2.BORDER_REPLICATE)
    assert broken(judged(far)) == {"face_share"}
    assert broken(judged(picture, max_face_share=0.1)) == {"face_share"}


def test_a_close_cut_is_found(judged, picture):
    [face] = find_faces(picture)
    x1, y1, x2, y2 = face.box.round().astype(int)
    findings = judged(picture[y1 + 50 : y2 - 16, x1 + 25 : x2 - 25])
    assert findings["faces"].verdict == "ok"
    assert findings["face_share"].verdict == "violation"
    assert findings["yaw"].value == pytest.approx(0, abs=12)


@pytest.mark.parametrize(("yaw", "rule"), [(45, "yaw"), (-45, "yaw")])
def test_turned_heads(judged, settings, yaw, rule):
    turned = portrait(settings.simulate, 11, 0, yaw, 0.0)
    findings = judged(taken(turned.image, 1.5, NEVER))
    assert findings[rule].verdict == "violation" and findings[rule].value * yaw > 0


def test_limits_are_allowed(judged, picture):
    """Of a value as it is written, which none can see to be over its limit."""
    angles = {name: abs(judged(picture)[name].value) for name in ("yaw", "pitch")}
    name, value = max(angles.items(), key=lambda item: item[1])  # the other may be nearly 0
    assert judged(picture, **{f"max_{name}": value})[name].verdict == "ok"
    assert judged(picture, **{f"max_{name}": value - 0.1})[name].verdict == "violation"


def test_light_and_colour(judged, picture):
    assert "brightness" in broken(judged((picture * 0.3).astype(np.uint8)))
    white = np.clip(picture.astype(float) * 0.3 + 190, 0, 255).astype(np.uint8)
    assert {"brightness", "contrast"} <= broken(judged(white))
    shadow = picture.copy()
    shadow[:, :180] = 0
    shadow[:, 180:] = np.clip(shadow[:, 180:] * 2.5, 0, 255)
    assert "contrast" in broken(judged(shadow))
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    assert broken(judged(grey, "a.pgm")) == {"colour"}
    assert not broken(judged(grey, "a.pgm", min_colour=0.0))


def test_blur_and_print(judged, person):
    blurry = judged(taken(blurred(person.image, 4.0), 1.5, NEVER))
    assert broken(blurry) == {"blur"}
    assert "pattern" in broken(judged(taken(halftone(person.image, 3.0, 0.5), 1.5, NEVER)))


def test_what_cannot_be_read(judged, picture):
    whole = cv2.imencode(".jpg", picture)[1].tobytes()
    for data in (b"", b"hello", whole[: len(whole) // 2]):
        findings = judged(data, "a.jpg")
        assert findings["readable"].verdict == "violation"
        assert "truncated" in findings["readable"].note
        for rule in (*OF_PICTURE, *OF_FACE):
            assert (findings[rule].verdict, findings[rule].note) == ("not measurable", "unreadable")


def test_odd_pictures(judged):
    for shape in ((1, 1, 3), (3, 2000, 3), (2000, 2, 3)):
        findings = judged(np.full(shape, 100, np.uint8))
        assert findings["readable"].verdict == "ok" and findings["faces"].value == 0


def test_exif_turns_the_picture(judged, picture):
    data = cv2.imencode(".jpg", cv2.cvtColor(np.rot90(picture).copy(), cv2.COLOR_RGB2BGR))[
        1
    ].tobytes()
    # One entry: orientation (274), a short: 6, to be turned clockwise.
    tiff = b"MM\0*\0\0\0\x08" + b"\0\x01" + b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0" + b"\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    marked = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    assert not broken(judged(marked, "a.jpg"))
    assert judged(data, "a.jpg")["aspect"].verdict == "violation"
