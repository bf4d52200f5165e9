"""DiLiGenT's folders of lights."""

import cv2
import numpy as np
import pytest

from psface.errors import UserError
from psface.rig.formats.found import Options
from psface.rig.formats.rig_formats import import_rig


def write(folder, **changes):
    texts = {
        "light_directions": "0 0 1\n0.6 0 0.8\n",
        "light_intensities": "1.5 2 2.5\n1 1 1\n",
        "filenames": "001.png\r\n002.png\r\n",
    } | changes
    for name, text in texts.items():
        if text is not None:
            (folder / f"{name}.txt").write_text(text)
    return folder


def test_a_folder(tmp_path):
    rig, notes = import_rig(write(tmp_path))
    assert notes == () and [lamp.name for lamp in rig.lamps] == ["001.png", "002.png"]
    assert [lamp.intensity for lamp in rig.lamps] == [(1.5, 2, 2.5), (1, 1, 1)]
    assert import_rig(tmp_path / "light_directions.txt")[0] == rig
    grey, _ = import_rig(write(tmp_path, light_intensities="2\n3\n"))
    assert [lamp.intensity for lamp in grey.lamps] == [2, 3]


def test_what_is_missing_is_said(tmp_path):
    rig, notes = import_rig(write(tmp_path, light_intensities=None, filenames=None))
    assert [lamp.name for lamp in rig.lamps] == ["1", "2"]
    assert "named by their numbers" in notes[0] and "equally strong" in notes[1]


def test_lengths(tmp_path):
    long = "0 0 2.0\n0.6 0 0.8\n"
    write(tmp_path, light_directions=long)
    with pytest.raises(UserError, match=r"lamp 001\.png has length 2; say what lengths mean"):
        import_rig(tmp_path)
    with pytest.raises(UserError, match="gives intensities already; use --lengths direction"):
        import_rig(tmp_path, options=Options(lengths="intensity"))
    import_rig(tmp_path, options=Options(lengths="direction"))
    (tmp_path / "light_intensities.txt").unlink()
    rig, _ = import_rig(tmp_path, options=Options(lengths="intensity"))
    assert [lamp.intensity for lamp in rig.lamps] == [2, 1]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"light_directions": None}, "no light_directions.txt in it"),
        ({"light_directions": ""}, "light_directions.txt: empty"),
        ({"light_directions": "0 0 1\n"}, "filenames.txt: 2 lines, light_directions.txt has 1"),
        ({"light_directions": "0 0 1\n0 1\n"}, "line 2: 2 numbers, expected 3"),
        ({"light_directions": "0 0 1\n0 0 -1\n"}, r"lamp 002\.png is behind the face"),
        ({"light_directions": "0 0 1\n0 0 nan\n"}, "line 2: `nan` is not a number"),
        ({"light_intensities": "1 1 1\n"}, "light_intensities.txt: 1 lines, .*has 2"),
        ({"light_intensities": "1 1 1\n1\n"}, "line 2: 1 numbers, expected 3"),
        ({"light_intensities": "1 1\n1 1\n"}, "line 1: 2 numbers, expected 1 or 3"),
        ({"light_intensities": "1 1 1\n1 0 1\n"}, r"intensities\.txt: lamp 002\.png has"),
        ({"light_intensities": "1 1 1\n1 -1 1\n"}, r"intensities\.txt: lamp 002\.png has"),
        ({"filenames": "a.png\na.png\n"}, "two lamps of one name"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(tmp_path, changes, complaint):
    with pytest.raises(UserError, match=complaint) as refused:
        import_rig(write(tmp_path, **changes))
    assert "\n" not in str(refused.value) and str(tmp_path) in str(refused.value)


def test_its_axes_are_ours(shared_data):
    """Normals by least squares: 4.3 degrees; a flipped axis gives 55."""
    folder = shared_data / "diligent_ball"
    rig, notes = import_rig(folder)
    assert notes == () and len(rig.lamps) == 96
    chosen = rig.with_lamps(list(range(0, 96, 3)))
    inside = cv2.imread(str(folder / "mask.png"), cv2.IMREAD_GRAYSCALE) > 0
    truth = np.load(folder / "normal_gt.npy")[inside]
    shades = []
    for lamp in chosen.lamps:
        frame = cv2.imread(str(folder / lamp.name), cv2.IMREAD_UNCHANGED)[inside]
        shades.append((frame[:, ::-1] / lamp.intensity).mean(axis=1))  # RGB
    normals = np.linalg.lstsq(chosen.directions(), np.array(shades), rcond=None)[0].T
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    angles = np.degrees(np.arccos(np.clip((normals * truth).sum(axis=1), -1, 1)))
    assert angles.mean() < 4.5
