"""What is typed: everything that runs answers --help and refuses what it does not know."""

import re
import runpy
import subprocess
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import pytest

from psface.commands.cli import COMMANDS
from psface.commands.measure.measure_command import COMMANDS as MEASURES
from psface.commands.rig.rig_command import COMMANDS as OF_RIGS
from tests.commands.running import psface, refused

ROOT = Path(__file__).parents[2]
STAGES = sorted(
    f"stages.{path.stem}"
    for path in (ROOT / "stages").glob("*.py")
    if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
)
GROUPS = {"measure": MEASURES, "rig": OF_RIGS}
ALL = [
    *((name,) for name in COMMANDS if name not in GROUPS),
    *((group, name) for group, names in GROUPS.items() for name in names),
]


def run(module: str, *arguments: str) -> int:
    """The exit status; in this process, since starting so many costs minutes."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")  # of modules that are imported already
        patch.setattr(sys, "argv", [module, *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    return ended.value.code or 0


def words(text: str) -> str:
    """A help text without its line breaks."""
    return " ".join(text.split())


def test_there_are_commands():
    assert {
        "stages.check", "stages.ingest", "stages.stereo", "stages.crop", "stages.split",
        "stages.train", "stages.evaluate", "stages.report", "stages.simulate",
    } == set(STAGES)  # fmt: skip
    assert {("detect",), ("identify",), ("experiments",), ("measure", "rivals")} <= set(ALL)


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_help_is_answered_and_unknown_options_are_refused(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # without params.yaml: what began to work would end otherwise
    typed = f"psface {' '.join(command)}"
    assert psface(*command, "--help") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Usage: {typed} [OPTIONS]")
    [example] = re.findall(r"Examples?: (psface .*?)(?:; |$)", words(said))
    assert example.startswith(typed)
    assert "Exit status: 0" in words(said)

    assert psface(*command, "--no-such-option") == 2
    said = capsys.readouterr()
    assert said.out == "" and "No such option '--no-such-option'" in said.err
    assert said.err.startswith(f"Usage: {typed} [OPTIONS]")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("group", [(), ("measure",), ("rig",)], ids=" ".join)
def test_a_group_lists_its_commands(group, capsys):
    assert psface(*group, "--help") == 0
    said = capsys.readouterr().out
    for name, (_, does) in (GROUPS[group[0]] if group else COMMANDS).items():
        assert f"{name} {does}" in words(said)
    for arguments, complaint in (
        (["no-such-command"], "No such command 'no-such-command'"),
        (["--no-such-option"], "No such option '--no-such-option'"),
        ([], "Commands:"),
    ):
        assert psface(*group, *arguments) == 2
        said = capsys.readouterr()
        assert said.out == "" and complaint in said.err


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("detect", "Missing argument 'PATH...'"),
        ("detect a.png --crops much", "'much' is not a valid integer"),
        ("detect a.png --detector none", "'none' is not one of 'mtcnn'"),
        ("detect a.png --format xml", "'xml' is not one of 'csv', 'json'"),
        ("detect a.png --bits 8", "8 is not in the range 9<=x<=16"),
        ("detect a.png --out", "Option '--out' requires an argument"),
        ("enrol", "Missing argument 'FOLDER'"),
        ("enrol a b", "Got unexpected extra argument (b)"),
        ("identify", "Missing argument 'PATH...'"),
        ("identify a.png --far 2", "2.0 is not in the range 0<x<1"),
        ("verify", "Missing argument 'PAIRS'"),
        ("verify a b c", "Got unexpected extra argument (c)"),
        ("export models", "Got unexpected extra argument (models)"),
        ("audit a b", "Got unexpected extra argument (b)"),
        ("overlap data", "Got unexpected extra argument (data)"),
        ("experiments all", "Got unexpected extra argument (all)"),
        ("compare all", "Got unexpected extra argument (all)"),
        ("scenes all", "Got unexpected extra argument (all)"),
        ("train-detector all", "Got unexpected extra argument (all)"),
        ("survey all", "Got unexpected extra argument (all)"),
        ("measure audit --people 0", "0 is not in the range x>=1"),
        ("measure overlap", "Missing argument 'ROOT'"),
        ("measure identify", "Missing argument 'FOLDER'"),
        ("measure rivals --rounds 0", "0 is not in the range x>=1"),
    ],
)
def test_wrong_arguments_are_refused(command, complaint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert psface(*command.split()) == 2
    said = capsys.readouterr()
    assert said.out == "" and complaint in said.err
    assert not list(tmp_path.iterdir())


def test_the_version(capsys):
    assert psface("--version") == 0
    said = capsys.readouterr().out
    assert said == f"psface {version('psface')}\n" and re.fullmatch(r"psface \d+(\.\d+)+\n", said)


@pytest.mark.parametrize("module", STAGES)
def test_stages_answer_help_and_refuse_wrong_arguments(module, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(module, "--help") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Usage: python -m {module} [OPTIONS]")
    options = re.findall(r"^  (--\S+) PATH(.*)$", said, re.MULTILINE)
    assert options and all(does.strip() for _, does in options)
    assert run(module, "--no-such-option") == 2
    assert "No such option '--no-such-option'" in capsys.readouterr().err
    assert run(module) == 2
    assert f"Missing option '{options[0][0]}'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (["stages.check", "--out", "checked.json"], "error: params.yaml: missing"),
        (["psface", "overlap"], "error: params.yaml: missing"),
    ],
)
def test_as_a_process(command, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    result = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 1 and result.stderr.startswith(error)
    assert "Traceback" not in result.stderr and not list(tmp_path.iterdir())


def test_a_package_of_the_pipeline_that_is_not_installed_is_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "sklearn.model_selection", None)
    monkeypatch.delitem(sys.modules, "psface.recognise.pair_lists", raising=False)
    refused(capsys, r"sklearn is not installed; `pip install 'psface\[pipeline\]'`", "verify", "x")


def test_not_a_number_is_not_a_rate(capsys):
    assert psface("identify", "x", "--far", "nan") == 2
    assert "'nan' is not a number" in capsys.readouterr().err


def test_help_by_a_letter(capsys):
    assert psface("detect", "-h") == 0 and "Example" in capsys.readouterr().out
