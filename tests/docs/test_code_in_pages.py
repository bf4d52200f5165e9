"""What the README and the pages tell people to type or to write: it exists, and it runs."""

import re
import shutil
from fnmatch import fnmatch
from pathlib import Path

import pytest
from PIL import Image
from ruamel.yaml import YAML

from docs.made.parameters import Everything
from psface.config import parse_yaml
from psface.rig.rig import parse_rig
from tests.docs.pages import LANGUAGES, PAGES, ROOT, code_of, every
from tests.docs.shell_lines import commands_of, faults

PROGRAMS = ("psface ", "dvc ", "make ")
# Roots of paths that the project has; what runs write there is known by .gitignore.
HOME = re.compile(
    r"(psface|stages|tests|docs|data|models|reports)/[\w./-]*|(dvc|params)\.(yaml|lock)|pyproject\.toml"
)


def wrong(code) -> list[str]:
    return [f"{code.place}: {c}: {f}" for c in commands_of(code.text) for f in faults(c)]


def test_blocks_name_their_language():
    blocks = [c for page in PAGES for c in code_of(page, page.read_text(encoding="utf-8"))]
    odd = {c.kind for c in blocks} - LANGUAGES - {"span"}
    assert {kind for kind in odd if not kind.startswith("{")} == set()


def test_command_lines_exist():
    assert [fault for block in every("sh") for fault in wrong(block)] == []


def test_command_lines_within_the_text_exist():
    spans = [code for code in every("span") if code.text.startswith(PROGRAMS)]
    assert len(spans) > 40
    assert [fault for span in spans for fault in wrong(span)] == []


def test_settings_within_the_text_exist():
    spans = [code for code in every("span") if code.text.startswith("-S ")]
    found = [f"{c.place}: {f}" for c in spans for f in faults(f"dvc exp run {c.text}")]
    assert len(spans) > 10 and found == []


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("psface identify PATH... --quickly", "identify has no option --quickly"),
        ("psface recognise PATH", "no command recognise"),
        ("psface rig calibrate balls/ --kind wooden", "--kind: 'wooden' is not one of"),
        ("psface identify x --far 2", "2.0 is not in the range"),
        ("psface verify PAIRS [--model models] [--fast]", "verify has no option --fast"),
        ("dvc exp run -S modality=shape", "modality"),
        ("dvc exp run -S train.epoch=3", "no parameter train.epoch"),
        ("dvc exp run --modality albedo", "DVC does not know this"),
        ("dvc metric diff", "DVC does not know this"),
        ("PSFACE_ENGINE=slurm dvc reproduce", "DVC does not know this"),
        ("make coffee", "no target coffee"),
        ("python -m stages.bake", "no module stages.bake"),
        ("torchrun --nnodes 2 -m stages.train --faces x --quick", "has no option --quick"),
        ("pip install 'psface[gold]'", "no extra gold"),
        ("psfaec identify", "psfaec is unknown"),
    ],
)
def test_what_does_not_exist_is_found(command, fault):
    found = list(faults(command))
    assert found and fault in found[0]


def test_comments_and_continued_lines():
    block = "psface view A \\\n    --out b.html   # --no-option\n# only this\n\nmake run\n"
    assert list(commands_of(block)) == ["psface view A --out b.html", "make run"]


def test_paths_of_the_project_exist():
    made = [
        f"{folder}{line}"
        for folder in ("data", "models", "reports")
        for line in (ROOT / folder / ".gitignore").read_text(encoding="utf-8").split()
    ]
    missing = [
        f"{code.place}: {code.text}"
        for code in every("span")
        if HOME.fullmatch(code.text)
        and not any(
            fnmatch(code.text.rstrip("/"), of) for path in made for of in (path, f"{path}/*")
        )
        and not any((root / code.text).exists() for root in (ROOT, ROOT / "psface"))
    ]
    assert missing == []


def test_modules_that_are_named_exist():
    names = [(c.place, c.text) for c in every("span") if re.fullmatch(r"[\w/]+\.py", c.text)]
    roots = (ROOT, ROOT / "psface")
    known = {path.name for path in (ROOT / "psface").rglob("*.py")}
    assert names
    assert [
        (place, name)
        for place, name in names
        if not any((root / name).is_file() for root in roots)
        and not ("/" not in name and name in known)
    ] == []


def test_yaml_is_what_psface_reads(tmp_path):
    blocks = [(code, parse_yaml(code.text)) for code in every("yaml")]
    assert blocks
    for code, content in blocks:
        if "schema" in content:
            assert parse_rig(content, tmp_path / "rig.yaml").lamps, code.place
            continue
        whole = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())
        Everything.model_validate(merged(whole, content))


def merged(base, over):
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return base | {key: merged(base.get(key), value) for key, value in over.items()}


@pytest.fixture(scope="module")
def folder(simulated, tmp_path_factory) -> Path:
    """``captures/anna/monday``, ``captures/ben/monday`` and ``anna.jpg``."""
    out = tmp_path_factory.mktemp("reader")
    sittings = sorted(path.parent for path in simulated.rglob("im0.bmp"))
    for name, sitting in (("anna", sittings[0]), ("ben", sittings[-1])):
        shutil.copytree(sitting, out / "captures" / name / "monday")
    Image.open(sittings[0] / "im0.bmp").save(out / "anna.jpg")
    return out


@pytest.mark.parametrize("page", sorted({c.page for c in every("python")}), ids=lambda p: p.stem)
def test_python_runs(page, folder, monkeypatch):
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    for block in every("python"):
        if block.page == page:
            exec(compile(block.text, block.place, "exec"), names)
