"""The wheel and the source distribution: what is in them, however they are built."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.third_party import files_of_others, tracked

BUILD = """
import sys
from setuptools import build_meta
getattr(build_meta, f"build_{sys.argv[1]}")(sys.argv[2])
"""
ASSETS = {".html", ".json", ".js", ".npz", ".safetensors", ".j2"}


def built(kind: str, tree: Path, out: Path) -> Path:
    """Build a wheel or an sdist of a tree, with what is installed and without a network."""
    out.mkdir()
    command = [sys.executable, "-c", BUILD, kind, str(out)]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    [path] = out.iterdir()
    return path


def inside(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of what is under version control."""
    root = tmp_path_factory.mktemp("source")
    for path in tracked():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / path, follow_symlinks=False)
    return root


@pytest.fixture(scope="module")
def wheel(tree, tmp_path_factory) -> Path:
    return built("wheel", tree, tmp_path_factory.mktemp("first") / "out")


def test_a_wheel_has_the_whole_package_and_nothing_else(wheel):
    whole = {str(p) for p in tracked() if p.parts[0] == "psface"}
    found = {name for name in inside(wheel) if ".dist-info/" not in name}
    assert found == whole


def test_a_wheel_has_the_licences(wheel):
    licences = [name for name in inside(wheel) if ".dist-info/licenses/" in name]
    assert [Path(name).name for name in licences] == ["LICENSE", "THIRD_PARTY.md"]


def test_what_is_bundled_besides_code_is_in_the_list_of_licences(wheel):
    found = {name for name in inside(wheel) if ".dist-info/" not in name}
    assert {name for name in found if Path(name).suffix != ".py"} == files_of_others("In the wheel")
    assert {Path(name).suffix for name in found} <= ASSETS | {".py"}


def test_a_second_wheel_of_the_same_tree_has_the_same_files(tree, wheel, tmp_path):
    assert inside(built("wheel", tree, tmp_path / "out")) == inside(wheel)


def test_the_source_distribution_builds_the_same_wheel(tree, wheel, tmp_path):
    source = built("sdist", tree, tmp_path / "sdist")
    with tarfile.open(source) as archive:
        names = archive.getnames()
    shutil.unpack_archive(source, tmp_path / "unpacked")
    [top] = (tmp_path / "unpacked").iterdir()
    for name in ("LICENSE", "THIRD_PARTY.md", "README.md", "CHANGELOG.md", "pyproject.toml"):
        assert f"{top.name}/{name}" in names
    assert not any("/tests/" in name or "/data/" in name for name in names)
    assert inside(built("wheel", top, tmp_path / "wheel")) == inside(wheel)
