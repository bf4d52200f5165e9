"""The notebooks run, and print and draw what is in them."""

import re

import nbformat
import pytest

from notebooks.execute import METADATA, executed, notebooks

LONG = {"recognising_people"}  # enrols and identifies by the shipped model: 40 s
LARGEST = 300_000  # bytes of a notebook
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
SHARE, STEPS = 0.1, 3  # of a number, and of its last digit: what processors may differ by


def near(first: str, second: str) -> bool:
    """Whether two printed numbers agree: counts are equal, measured ones about so."""
    if "." not in first + second:
        return first == second
    step = 10.0 ** -len(first.partition(".")[2])
    difference = abs(float(first) - float(second))
    return difference <= max(SHARE * abs(float(first)), STEPS * step) + 1e-12


def agree(first: str, second: str) -> bool:
    """Whether two printed texts differ in nothing but the last digits of their numbers."""
    words = [NUMBER.sub("#", text).split() for text in (first, second)]
    numbers = zip(NUMBER.findall(first), NUMBER.findall(second), strict=False)
    return words[0] == words[1] and all(near(*pair) for pair in numbers)


def outputs(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """Every cell's outputs: the kind of each, and what it prints."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            kinds = output.get("name") or "+".join(sorted(output.data))
            found.append((kinds, output.get("text", "")))
    return found


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=[pytest.mark.slow] * (p.stem in LONG), id=p.stem) for p in notebooks()],
)
def test_a_notebook_runs_and_still_prints_what_is_in_it(path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    kept, new = outputs(nbformat.read(path, as_version=4)), outputs(executed(path))
    assert [kind for kind, _ in new] == [kind for kind, _ in kept]
    different = [(a, b) for (_, a), (_, b) in zip(kept, new, strict=True) if not agree(a, b)]
    assert different == []


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_a_notebook_is_kept_small_and_as_make_notebooks_writes_it(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < LARGEST
    assert notebook.metadata == METADATA
    assert all(cell.metadata == {} for cell in notebook.cells)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert {kind for kind, _ in outputs(notebook)} <= {"stdout", "image/jpeg+text/plain"}
    assert "/tmp/" not in path.read_text(encoding="utf-8")


def test_there_are_notebooks():
    assert [path.stem for path in notebooks()] == ["photometric_stereo", "recognising_people"]


def test_printed_numbers_agree_up_to_their_last_digits():
    assert agree("mean error 6.97 degrees", "mean error 7.00 degrees")
    assert agree("found 0.5, -0.1", "found 0.7,  0.1")
    assert not agree("0 of 8", "1 of 8")
    assert not agree("mean error 6.97 degrees", "mean error 9.97 degrees")
    assert not agree("live: yes", "live: no")
    assert not agree("3 people", "3 people, 2 refused")
    assert not agree("0.01", "-0.03")
