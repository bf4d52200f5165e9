"""Two processes train as one: gradients, what is kept, and what is said when one of them ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from psface.errors import UserError
from psface.faces.arrays import Faces
from psface.measures.pairs import cosine_auc
from psface.model.card import load_model
from psface.model.embedding import embed
from psface.training import ranks
from psface.training.launch import _start, over_ranks
from psface.training.loop import run_fingerprint
from psface.training.train_params import Recipe
from stages.split import split
from tests.packed_faces import small_params, write_faces
from tests.rank_work import train_in_doubles, write_gradients, write_losses
from tests.test_stopping import gone, needs_proc, running

ROOT = Path(__file__).parents[2]

MAPS = {"modality": "all", "train.tasks": ["gender", "spectacles"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("ranks")
    write_faces(path / "faces", people=16)
    params = small_params()
    split(params.split, params.attributes, params.seed, path / "faces" / "faces.parquet",
          path / "splits", path / "ratios.csv")  # fmt: skip
    table = pd.read_csv(path / "splits" / "train.csv", dtype=str)
    table["spectacles"] = np.resize(["yes", "no", "no", ""], len(table))
    table.to_csv(path / "splits" / "train.csv", index=False)
    return path


def recipe(**changes) -> Recipe:
    params = small_params(**{"train.batch_size": 40, "train.dropout": 0.3, **changes})
    return Recipe.model_validate(params.model_dump(include=set(Recipe.model_fields)))


EARLY = {"modality": "normalmap-albedo", "fusion": "early", "train.attention": False}
DISTURBED = {"train.disturbance": 0.5, "train.detail": 0.06}
ANY_FRAME = {"modality": "raw", "train.any_frame": True}
CASES = {
    "three maps, 17 faces": (recipe(**MAPS), 17),
    "early fusion without attention": (recipe(**EARLY), 17),
    "a rank without faces": (recipe(), 12),
    "a rank without faces, disturbed": (recipe(**MAPS, **DISTURBED), 12),
    "any frame": (recipe(**ANY_FRAME), 12),
    "in two parts": (recipe(**{"train.accumulate": 2}), 31),
    "curricularface": (recipe(**{"train.head": "curricularface"}), 19),
    "triplet": (recipe(**{"train.head": "triplet"}), 19),
}
HEADS = [{"train.head": name} for name in ("magface", "arcface", "cosface", "curricularface")]


def by_one_and_two(work, folder, *args):
    """What ``work`` writes in one process and in two."""
    found = []
    for count in (1, 2):
        out = folder / f"{work.__name__}{count}.pt"
        _start(count, work, (*args, out))
        found.append(torch.load(out))
    return found


@pytest.mark.slow
def test_gradients_of_two_ranks_are_those_of_one(folder):
    found = by_one_and_two(write_gradients, folder, list(CASES.values()), folder)
    for case, one, two in zip(CASES, *found, strict=True):
        assert one.keys() == two.keys()
        for name, value in one.items():
            scale = max(1.0, value.abs().max().item()) if value.numel() else 1.0
            close = torch.allclose(two[name], value, atol=1e-9 * scale, rtol=1e-9)
            assert close, (case, name)


def test_heads_whose_centres_are_spread_over_two_ranks(folder):
    torch.manual_seed(0)
    batch = 5 * torch.randn(19, 8).double(), torch.arange(19) % 11, torch.randn(11, 8).double()
    recipes = [recipe(**head) for head in HEADS]
    sampled = [recipe(**head, **{"train.sample_centres": 0.2}) for head in HEADS[:1]]
    one, two = by_one_and_two(write_losses, folder, recipes + sampled, batch)
    for each, other in zip(one[:4], two[:4], strict=True):
        for value, again in zip(each, other, strict=True):
            torch.testing.assert_close(again, value, atol=1e-12, rtol=1e-10)
    # All people are in the batch, so sampling leaves none out, whoever holds their centres.
    for each in (one[4], two[4]):
        for value, whole in zip(each[:3], one[0][:3], strict=True):
            torch.testing.assert_close(value, whole, atol=1e-12, rtol=1e-10)
    assert one[4][3].tolist() == list(range(11)) and two[4][3].tolist() == list(range(6))


WORK = """
import sys
from pathlib import Path
import click
from psface.running import run
from psface.training.launch import over_ranks
from tests.rank_work import train_saving
from tests.training.test_ranks import recipe

@click.command()
@click.argument("processes", type=int)
@click.argument("folder", type=Path)
@click.argument("name")
@click.argument("epochs", type=int)
def main(processes, folder, name, epochs):
    changes = {"train.epochs": epochs, "train.batch_size": 32}
    over_ranks(processes, train_saving, recipe(**changes), folder, name)

if __name__ == "__main__":
    run(main)
"""


def start(folder, processes, name, epochs=4) -> subprocess.Popen[str]:
    (folder / "work.py").write_text(WORK)
    command = [sys.executable, folder / "work.py", processes, folder, name, epochs]
    return subprocess.Popen(
        [str(part) for part in command], cwd=ROOT, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def lines(said: str) -> list[str]:
    """What is said on stderr, but for the progress bar."""
    found = [line.strip() for line in said.replace("\r", "\n").splitlines()]
    return [line for line in found if line and "step/s" not in line and "s/step" not in line]


def ranks_of(process) -> list[int]:
    """The processes of a run, in the order of their start."""
    return sorted(
        number
        for number in running(process.pid)
        if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes()
    )


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


@needs_proc
@pytest.mark.slow
def test_a_killed_rank_ends_the_run_which_then_goes_on(folder):
    whole = start(folder, 2, "whole")
    assert whole.wait(300) == 0
    killed = start(folder, 2, "killed")
    wait_for(folder / "killed" / "checkpoint.pt", killed)
    os.kill(ranks_of(killed)[1], signal.SIGKILL)
    _, said = killed.communicate(timeout=20)
    assert killed.returncode == 1 and gone(killed.pid)
    [line] = lines(said)
    assert line.startswith("error: train: process 2 of 2 was killed (SIGKILL), most likely for lac")
    again = start(folder, 2, "killed")
    told, said = again.communicate(timeout=300)
    assert (again.returncode, lines(said)) == (0, []) and told.count("resuming from epoch") == 1
    weights = [load_file(folder / name / "weights.safetensors") for name in ("whole", "killed")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_rank_outlives_the_run(folder, sign):
    process = start(folder, 2, f"stopped{sign}", 100)
    wait_for(folder / f"stopped{sign}" / "checkpoint.pt", process)
    assert len(ranks_of(process)) == 2
    (os.killpg if sign == signal.SIGINT else os.kill)(process.pid, sign)
    _, said = process.communicate(timeout=30)
    assert gone(process.pid)
    if sign != signal.SIGKILL:
        assert process.returncode == 128 + sign
        assert lines(said) == ["stopped; run the same command again to continue"]


@needs_proc
@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_ranks(folder):
    """And ends as one of two throughout, or of one, but for rounding."""
    for first, then in ((2, 1), (1, 2)):
        name = f"from{first}to{then}"
        process = start(folder, first, name, 3)
        wait_for(folder / name / "checkpoint.pt", process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
        again = start(folder, then, name, 3)
        told, said = again.communicate(timeout=300)
        assert (again.returncode, lines(said)) == (0, []) and "train: resuming from epoch" in told


@pytest.mark.slow
def test_after_training_two_ranks_have_the_auc_of_one(folder):
    table = pd.read_csv(folder / "splits" / "probe.csv", dtype=str)
    rows, aucs = table["row"].astype(int).to_numpy(), []
    for count in (1, 2):
        name = f"auc{count}"
        params = recipe(**{"train.epochs": 6, "train.batch_size": 20})
        _start(count, train_in_doubles, (params, folder, name))
        network, card = load_model(folder / name, torch.device("cpu"))
        out = embed(network, card, Faces(folder / "faces", card.maps).batches(rows))
        aucs.append([cosine_auc(out.identity, table["identity"].to_numpy(str)), card.val_auc])
    assert aucs[1] == pytest.approx(aucs[0], abs=0.005)


@pytest.mark.slow
def test_torchruns_processes_do_the_same(folder):
    process = start(folder, 2, "spawned", 1)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    run = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *run, folder / "work.py", 1, folder, "torchrun", 1]
    done = subprocess.run(
        [str(part) for part in command], cwd=ROOT, text=True, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    weights = [load_file(folder / name / "weights.safetensors") for name in ("spawned", "torchrun")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_checkpoint_is_of_any_number_of_processes(folder):
    args = folder / "faces", folder / "splits"
    same = {run_fingerprint(recipe(**{"train.processes": count}), *args) for count in (0, 1, 4)}
    other = run_fingerprint(recipe(**{"train.accumulate": 2}), *args)
    assert len(same) == 1 and other not in same


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=r"train.processes=3, but this machine has 2 GPUs; 0 means"):
        over_ranks(3, fails, "user")


def fails(work: str) -> None:
    if ranks.number() == 1:
        raise {"user": UserError("a.csv: missing"), "memory": MemoryError()}[work]
    torch.distributed.barrier()


@pytest.mark.parametrize(
    ("work", "said"),
    [("user", r"^a\.csv: missing$"), ("memory", "^train: process 2 is out of memory; raise train")],
)
def test_what_a_rank_cannot_do_is_told_in_one_line(work, said):
    with pytest.raises(UserError, match=said):
        over_ranks(2, fails, work)


def test_without_other_processes_all_is_as_before():
    x = torch.randn(3)
    assert ranks.count() == 1 and ranks.number() == 0 and ranks.share(7) == slice(0, 7)
    assert all(f(x) is x for f in (ranks.summed, ranks.shared, ranks.total, ranks.joined))
    assert ranks.gathered(x, [3]) is x and ranks.from_first(lambda: 4) == 4
