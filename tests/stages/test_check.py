"""What stands for the captures in DVC's place, and who makes them."""

import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from stages.check import what_is_there
from stages.simulate import main as simulate
from tests.conftest import ROOT
from tests.written_captures import settle, write_capture


@pytest.fixture
def params(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_capture(tmp_path / "root" / "1001" / "a")
    settle(tmp_path)
    return settings.ingest.model_copy(update={"root": str(tmp_path / "root")})


def test_captures_are_listed_by_size_and_time(params):
    found = what_is_there(params)
    assert (found["files"], "changing" in found) == (6, False)
    assert found == what_is_there(params)


@pytest.mark.parametrize("compare", ["times", "content"])
def test_an_addition_a_removal_and_a_change_are_noticed(params, compare):
    params = params.model_copy(update={"compare": compare})
    seen = [what_is_there(params)]
    folder = Path(params.root) / "1001"
    write_capture(folder / "b", 1)
    settle(folder / "b")
    seen.append(what_is_there(params))
    shutil.copyfile(folder / "a" / "im0.bmp", folder / "b" / "im0.bmp")
    settle(folder / "b", 1800)
    seen.append(what_is_there(params))
    shutil.rmtree(folder / "a")
    seen.append(what_is_there(params))
    assert all(one != other for one, other in pairwise(seen))


def test_a_touched_file_is_noticed_by_its_time_alone(params):
    by_content = params.model_copy(update={"compare": "content"})
    before, known = what_is_there(params), what_is_there(by_content)
    settle(Path(params.root), 1800)
    assert what_is_there(params) != before and what_is_there(by_content) == known


def test_while_a_file_may_change_the_next_run_looks_again(params):
    (Path(params.root) / "1001" / "a" / "im0.bmp").touch()
    first, second = what_is_there(params), what_is_there(params)
    assert first["listing"] == second["listing"] and first["changing"] != second["changing"]


@pytest.mark.parametrize(
    ("root", "simulated"),
    [
        ("data/simulated", True),
        ("./data/simulated/", True),
        ("data/simulated/Photometric_DB", True),
        ("data/simulated2", False),
        ("data", False),
        ("data/simulated/..", False),
        ("elsewhere/data/simulated", False),
        ("/data/simulated", False),
    ],
)
def test_which_captures_the_simulator_makes(params, root, simulated):
    params = params.model_copy(update={"root": root})
    assert params.is_simulated == simulated
    here = params.model_copy(update={"root": str(Path.cwd() / root)})
    assert here.is_simulated == (simulated and not root.startswith("/"))
    # DVC compares these by content, and so alike on every machine.
    assert not simulated or set(what_is_there(params)) == {"source", "root"}


def test_the_simulator_leaves_alone_what_own_captures_do_not_need(params, tmp_path, capsys):
    text = (ROOT / "params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("root: data/simulated", f"root: {params.root}"))
    out = tmp_path / "data" / "simulated"
    with pytest.raises(SystemExit) as ended:
        simulate(["--out", str(out)])
    assert ended.value.code == 0 and [path.name for path in out.iterdir()] == ["nothing.txt"]
    assert f"the captures are in {params.root}" in capsys.readouterr().out
    (out / "nothing.txt").rename(out / "before")
    with pytest.raises(SystemExit):
        simulate(["--out", str(out)])
    assert [path.name for path in out.iterdir()] == ["before"]
