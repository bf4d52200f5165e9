"""What counts as the code of a module, and when its digest changes."""

import ast
import shutil
from pathlib import Path

import pytest

from psface import fingerprint
from psface.fingerprint import ROOTS, closure, code_digest

FILES = {
    "__init__": "import lib.unused\n",
    "main": (
        "from __future__ import annotations\n"
        "import json, lib.plain\n"
        "from typing import TYPE_CHECKING\n"
        "from lib import sibling as other\n"
        "from lib.deep.inner import NAME\n"
        "if TYPE_CHECKING:\n"
        "    from lib import typed\n"
        "    from lib.typed import Kind\n"
        "def work():\n"
        "    from lib.late import late\n"
        "class Room:\n"
        "    def work(self):\n"
        "        with open('x'):\n"
        "            import lib.later\n"
    ),
    "plain": "",
    "sibling": "from lib.far import FAR\n",
    "far": "import lib.main\n",  # a circle
    "late": "",
    "later": "",
    "typed": "",
    "unused": "",
    "deep/__init__": "import lib.unused\n",
    "deep/inner": "NAME = 1\n",
}
LOADED = {"main", "plain", "sibling", "far", "late", "later", "deep/inner"}


def forget() -> None:
    closure.cache_clear()
    fingerprint._imported.cache_clear()


def write_package(folder: Path) -> None:
    for name, text in FILES.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package, ``lib``, in place of this project's own code."""
    write_package(tmp_path / "lib")
    monkeypatch.setattr(fingerprint, "ROOTS", {"lib": tmp_path / "lib"})
    forget()
    yield tmp_path / "lib"
    forget()


def digest(*modules: str) -> str:
    """The digest as another process would compute it."""
    forget()
    return code_digest(*(modules or ("lib.main",)))


def test_imports_are_followed_wherever_they_stand(package):
    found = closure("lib.main")
    assert set(found) == {"lib." + name.replace("/", ".") for name in LOADED}
    assert set(found.values()) == {package / f"{name}.py" for name in LOADED}


def test_what_is_imported_for_type_checkers_alone_is_not(package):
    assert "lib.typed" not in closure("lib.main")
    assert set(closure("lib.main", "lib.typed")) == {*closure("lib.main"), "lib.typed"}


def test_init_files_are_neither_followed_nor_counted(package):
    assert "lib.unused" not in closure("lib.main")
    assert not any(path.name == "__init__.py" for path in closure("lib.main").values())
    for folder in ("lib", "lib.deep"):
        with pytest.raises(ValueError, match="no module"):
            closure(folder)


def test_other_packages_are_not_followed(package):
    assert not {"json", "typing", "psface.errors"} & set(closure("lib.main"))
    for name in ("psface.errors", "json"):
        with pytest.raises(ValueError, match="no module"):
            closure(name)


@pytest.mark.parametrize("name", FILES)
def test_the_digest_changes_with_a_file_of_the_closure_and_no_other(package, name):
    before = digest()
    path = package / f"{name}.py"
    path.write_text(path.read_text() + "# changed\n")
    assert (digest() != before) == (name in LOADED)


def test_the_digest_is_of_names_and_contents_alone(package, tmp_path, monkeypatch):
    before = digest()
    (package / "notes.txt").write_text("x")
    (package / "plain.py").touch()
    assert digest() == before
    assert digest("lib.far", "lib.main") == digest("lib.main", "lib.far") == before
    write_package(tmp_path / "elsewhere")
    monkeypatch.setattr(fingerprint, "ROOTS", {"lib": tmp_path / "elsewhere"})
    assert digest() == before


def test_a_new_import_and_a_new_name_change_it(package):
    digests = [digest()]
    shutil.copy(package / "plain.py", package / "plainer.py")
    digests.append(digest())
    text = (package / "main.py").read_text()
    (package / "main.py").write_text(text.replace("lib.plain", "lib.plainer"))
    digests.append(digest())
    assert digests[0] == digests[1] != digests[2]
    assert "lib.plain" not in closure("lib.main")


def test_modules_whose_digest_is_asked_for_exist():
    """A mistyped name would have no code, and what depends on it would never be made again."""
    asked = {
        argument.value
        for root in ROOTS.values()
        for path in root.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("code_digest", "closure")
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }
    assert {"psface.simulate.recording", "psface.stereo.compute"} <= asked
    assert [name for name in asked if name not in closure(name)] == []


def test_a_module_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"no module psface\.stereo\.compte"):
        closure("psface.stereo.compte")
