import numpy as np
import pytest

from psface.commands.measure.mean_face_model import mean_face_model
from psface.errors import UserError
from psface.faces.mean_face import COMPONENTS
from tests.conftest import ROOT


@pytest.mark.parametrize("zoom", [1.0, 1.6])
def test_crops_of_whole_faces_alone_make_a_mean_face(tmp_path, monkeypatch, zoom):
    """Zoomed crops show a part of the face, which would be taken for all of it."""
    params = (ROOT / "params.yaml").read_text(encoding="utf-8")
    changed = params.replace("  zoom: 1.6  ", f"  zoom: {zoom}  ")
    assert (changed == params) == (zoom == 1.6)
    (tmp_path / "params.yaml").write_text(changed, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    crops = rng.normal(size=(2 * COMPONENTS, 3, 32, 32)).astype(np.float32) * 0.1
    crops[:, 2] += 1
    np.save("normalmap.npy", (crops / np.linalg.norm(crops, axis=1)[:, None]).astype(np.float16))
    arguments = ["--faces", ".", "--out", "face.npz"]
    if zoom == 1:
        mean_face_model.main(arguments, standalone_mode=False)
        assert (tmp_path / "face.npz").stat().st_size
        return
    with pytest.raises(UserError, match=r"params\.yaml: crop\.zoom=1\.6 .*crop\.zoom=1\.0"):
        mean_face_model.main(arguments, standalone_mode=False)
    assert not (tmp_path / "face.npz").exists()
