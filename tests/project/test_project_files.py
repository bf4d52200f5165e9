"""The files that say how to work on the project."""

import re
import tomllib
from fnmatch import fnmatch

import pytest
from ruamel.yaml import YAML

from tests.third_party import ROOT, tracked

YAML_SAFE = YAML(typ="safe")
PAGES = ["CONTRIBUTING.md", "SECURITY.md", "THIRD_PARTY.md"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_files_that_exist(page):
    named = re.findall(r"`((?:psface|stages|tests|notebooks|models|\.dvc)/[\w/.-]+\w)`", text(page))
    made = {"models/card.json"}
    assert [name for name in named if name not in made and not (ROOT / name).exists()] == []


def test_contributing_knows_every_folder_of_the_library():
    told = set(re.findall(r"^ {4}(?: {2})?(\w+)/ ", text("CONTRIBUTING.md"), re.M))
    rooms = {p.name for p in (ROOT / "psface").iterdir() if (p / "__init__.py").exists()}
    assert rooms <= told


def test_lint_is_what_pre_commit_runs_and_needs_no_network():
    hooks = YAML_SAFE.load(text(".pre-commit-config.yaml"))["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    assert {hook["language"] for hook in hooks[0]["hooks"]} == {"system"}
    tools = [hook["entry"].split()[0] for hook in hooks[0]["hooks"]]
    assert tools == ["ruff", "ruff", "mypy", "codespell"]
    dev = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]["dev"]
    assert {*tools, "pre-commit"} <= {re.match(r"[\w-]+", line).group() for line in dev}
    lint = re.search(r"^lint: .*\n\t(.*)\n", text("Makefile"), re.M).group(1)
    assert lint == "$(ACTIVATE) pre-commit run --all-files"
    assert "make lint" in text(".ci/run")


def test_issue_templates_have_what_a_form_needs():
    for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"):
        form = YAML_SAFE.load(path)
        if path.name == "config.yml":
            continue
        assert {"name", "description", "body"} <= set(form)
        ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
        assert len(ids) == len(set(ids))
        for field in form["body"]:
            assert field["type"] in ("markdown", "textarea") and field["attributes"]


def test_the_image_is_made_of_the_repository_and_runs_the_pipeline():
    lines = [line for line in text("Dockerfile").splitlines() if not line.startswith("#")]
    assert 'CMD ["make", "run"]' in lines and "RUN make setup" in lines
    python = next(line for line in lines if line.startswith("FROM")).partition(":")[2]
    assert f"PYTHON ?= python{python.removesuffix('-slim')}\n" in text("Makefile")


def ignored(path: str) -> bool:
    """As Docker reads .dockerignore: the last line that matches a path or a folder above it."""
    above = [path, *("/".join(path.split("/")[:n]) for n in range(1, path.count("/") + 1))]
    found = False
    for line in text(".dockerignore").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!").removeprefix("**/")
        anywhere = "**/" in line
        names = [part.rpartition("/")[2] if anywhere else part for part in above]
        # A star of Docker's stays within a folder.
        same = [n for n in names if n.count("/") == pattern.count("/")]
        if any(fnmatch(name, pattern) for name in same):
            found = not line.startswith("!")
    return found


def test_the_image_has_all_that_is_under_version_control_and_no_results():
    assert [str(path) for path in tracked() if ignored(str(path))] == []
    kept = ("data/faces/raw.npy", ".venv/bin/python", "models/weights.safetensors", ".dvc/cache/x")
    assert [name for name in kept if not ignored(name)] == []
    assert not ignored(".git/HEAD")
