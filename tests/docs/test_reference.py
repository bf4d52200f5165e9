"""The reference says all that there is."""

import ast
import json
import re

import numpy as np
import pytest
from PIL import Image

from docs.made import parameters
from docs.pictures import pipeline, stereo_steps
from psface.captures.capture_table import SCHEMA
from psface.commands.identify import COLUMNS
from psface.faces.packing import FOUND
from psface.measures.error_rates import COLUMNS as ERRORS
from psface.measures.scores import ARRAYS
from psface.model.card import Card
from psface.rig.rig import Rig
from psface.rig.rig_parts import Camera, Lamp
from psface.stereo.map_files import CHANNELS, COLOURS
from tests.described_metrics import undescribed
from tests.docs.pages import ROOT

FILES = (ROOT / "docs" / "reference" / "files.md").read_text(encoding="utf-8")
TROUBLES = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
# Said by the shell and by DVC.
NOT_OURS = {
    "python3.11: not found", "unexpected error", "ERROR: you are not inside of a DVC repository",
    "Could not override …", "Error parsing …",
}  # fmt: skip


def test_committed_metrics_are_described():
    for name in ("metrics.json", "stereo.json"):
        assert undescribed(json.loads((ROOT / "reports" / name).read_text())) == []
    assert undescribed(["rank1", "hat_auc", "rank2"]) == ["rank2"]


def test_every_key_has_a_comment():
    keys = parameters.keys(parameters.FILE.read_text(encoding="utf-8"))
    names = {key.name for key in keys}
    assert {"modality", "train.heads.magface.lambda_g", "simulate.rig.ambient"} <= names
    assert "attributes.gender" not in names  # a value of attributes
    assert [key.name for key in keys if not key.comment and (key.value or not key.model)] == []


def test_every_key_of_the_checker_is_in_the_file():
    def leaves(model, path=()):
        for name, field in model.model_fields.items():
            inner = parameters.section_of(field.annotation)
            yield from leaves(inner, (*path, name)) if inner else [".".join((*path, name))]

    found = {key.name: key for key in parameters.keys(parameters.FILE.read_text(encoding="utf-8"))}
    missing = [name for name in leaves(parameters.Everything) if name not in found]
    # What is written in one line with its section, {scale: 24.0, margin: 0.2}, has its comment.
    assert [name for name in missing if not found[name.rpartition(".")[0]].value] == []


def test_a_key_without_a_comment_is_an_error(tmp_path, monkeypatch):
    text = parameters.FILE.read_text(encoding="utf-8")
    file = tmp_path / "params.yaml"
    file.write_text(re.sub(r"(\n  dropout: 0\.2) .*", r"\1", text))
    monkeypatch.setattr(parameters, "FILE", file)
    with pytest.raises(ValueError, match=r"params.yaml: train\.dropout have no comment"):
        parameters.page()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("train.batch_size", "a whole number of 4 or more"),
        ("stereo.untrusted", "`warn`, `refuse`"),
        ("dask.address", "text or empty"),
        ("crop.zoom", "a number of 1 or more up to 2"),
        ("split.val", "a number above 0 below 1"),
        ("train.tasks", "a list of text"),
    ],
)
def test_what_is_allowed(key, said):
    assert parameters.allowed(parameters.annotated(key.split("."))) == said


@pytest.mark.parametrize(
    "names",
    [
        SCHEMA.names, CHANNELS, COLOURS, FOUND, ARRAYS, ERRORS, Card.model_fields,
        Camera.model_fields, Lamp.model_fields,
        [field.alias or name for name, field in Rig.model_fields.items()],
        [name for name in COLUMNS if not re.search(r"_[2-5]$", name)],
    ],
)  # fmt: skip
def test_every_column_of_a_file_is_described(names):
    spans = " ".join(re.findall(r"`([^`]+)`", FILES))
    assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", spans)] == []


def templates() -> list[str]:
    """All texts in the code, with … for what is filled in."""
    found = []
    for path in (*(ROOT / "psface").rglob("*.py"), *(ROOT / "stages").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def test_messages_are_those_of_the_code():
    said = re.findall(r"^`(.*)`$", TROUBLES, re.MULTILINE)
    known = set(templates())
    assert len(said) > 40
    assert [text for text in said if text not in known | NOT_OURS] == []


def test_the_readme_is_one_page():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") <= 130
    assert {"make run", "make test"} <= set(re.findall(r"^make \w+", text, re.MULTILINE))
    for address in re.findall(r"\]\(([^)#]+)", text):
        assert address.startswith("https://") or (ROOT / address).is_file(), address


def test_a_package_index_would_show_the_readme():
    markdown = pytest.importorskip("readme_renderer.markdown")
    shown = markdown.render((ROOT / "README.md").read_text(encoding="utf-8"))
    assert shown is not None
    for part in ("<h1", "<img", "<table", "<pre"):
        assert part in shown
    assert re.search(r'<img[^>]*src="docs/pictures/pipeline.webp"', shown)
    assert re.search(r'<img[^>]*alt="Four frames', shown)


@pytest.mark.parametrize("script", [pipeline, stereo_steps], ids=["pipeline", "stereo_steps"])
def test_pictures_are_what_their_scripts_draw(script, tmp_path):
    assert script.PICTURE.stat().st_size < 150_000
    script.main(tmp_path / "drawn.webp")
    committed, drawn = (
        np.asarray(Image.open(path).convert("RGBA"), np.float32)
        for path in (script.PICTURE, tmp_path / "drawn.webp")
    )
    assert committed.shape == drawn.shape
    assert np.abs(committed - drawn).mean() < 2  # grey levels: fonts may differ a little
