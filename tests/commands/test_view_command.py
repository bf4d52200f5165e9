"""``psface view`` and ``psface mesh`` as they are typed."""

from pathlib import Path

import pytest

from tests.commands.running import psface, refused
from tests.written_captures import write_capture


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_capture(Path("anna/monday"))


def test_a_page_and_a_mesh(capsys):
    assert psface("view", "anna/monday", "--out", "pages/anna.html") == 0
    said = capsys.readouterr().out
    assert said.startswith("view: anna/monday, 0.") and said.endswith("(pages/anna.html)\n")
    assert Path("pages/anna.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert psface("mesh", "anna/monday", "--out", "anna.glb") == 0
    said = capsys.readouterr().out
    assert "triangles, in pixels, as nothing tells their size (anna.glb)" in said
    assert Path("anna.glb").read_bytes().startswith(b"glTF")


@pytest.mark.parametrize("command", ["view", "mesh"])
def test_bad_input_is_one_line(command, folder, capsys):
    Path("empty.exr").write_bytes(b"")
    refused(capsys, r"^empty\.exr: not a readable map file", command, "empty.exr")
    refused(capsys, r"^anna/tuesday: no such", command, "anna/tuesday")
    refused(capsys, r"^rig\.yaml: missing", command, folder, "--rig", "rig.yaml")
    (folder / "LightSource.m").unlink()
    (folder / "im3.bmp").unlink()
    refused(capsys, "3 frames without lights", command, folder)
    assert sorted(path.name for path in Path().iterdir()) == ["anna", "empty.exr"]


def test_the_suffix_of_what_is_written(folder, capsys):
    refused(
        capsys, r"^a\.stl: give --out a file that ends in \.ply", "mesh", folder, "--out", "a.stl"
    )
    refused(
        capsys, r"^a\.png: give --out a file that ends in \.html", "view", folder, "--out", "a.png"
    )


def test_a_mesh_needs_trimesh(folder, capsys, monkeypatch):
    monkeypatch.setattr("psface.report.mesh_file.find_spec", lambda name: None)
    refused(capsys, r"trimesh is not installed; `pip install 'psface\[mesh\]'`", "mesh", folder)
