"""A batch in parts: the gradients of the whole, where each part is a fair sample of it."""

import pytest
import torch

import psface.training.loop
from stages.split import split
from tests.packed_faces import small_params, write_faces
from tests.rank_work import gradients_of


@pytest.fixture
def folder(tmp_path):
    write_faces(tmp_path / "faces", people=16)
    params = small_params()
    split(params.split, params.attributes, params.seed, tmp_path / "faces" / "faces.parquet",
          tmp_path / "splits", tmp_path / "ratios.csv")  # fmt: skip
    return tmp_path


@pytest.mark.parametrize("sampled", [1.0, 0.9])
def test_parts_with_the_same_statistics_add_up_to_the_whole(folder, monkeypatch, sampled):
    """Two halves of the same faces: normalised alike, and with the same people."""
    for name in ("moved", "patched"):
        monkeypatch.setattr(psface.training.loop, name, lambda batch, *_: batch)
    monkeypatch.setattr(psface.training.loop, "_batches", lambda *_: [torch.arange(16).repeat(2)])
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)  # full precision
    changes = {"train.dropout": 0.0, "train.batch_size": 32, "train.sample_centres": sampled}
    one, two = (
        gradients_of(small_params(**changes, **{"train.accumulate": count}), folder, 16)
        for count in (1, 2)
    )
    for name in one:
        if "running" in name or "batches" in name:  # are updated twice
            continue
        a, b = one[name].to_dense(), two[name].to_dense()
        scale = max(1.0, a.abs().max().item()) if a.numel() else 1.0
        torch.testing.assert_close(b, a, atol=1e-4 * scale, rtol=1e-4, msg=name)
