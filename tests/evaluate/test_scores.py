"""The file of scores: all that was known is there again, and nothing else is accepted."""

import numpy as np
import pytest

from stages.errors import UserError
from stages.evaluate import recognition_metrics
from stages.evaluate.scores import read_scores, write_scores
from tests.evaluate.people import scores_of


@pytest.fixture
def scores():
    rng = np.random.default_rng(2)
    identities = np.repeat([f"p{i}" for i in range(15)], 4)
    embeddings = np.repeat(rng.normal(size=(15, 5)), 4, axis=0) + rng.normal(size=(60, 5))
    return scores_of(embeddings, identities, {"pose": list("lr?l" * 15), "hair": ["", "x"] * 30})


def test_every_metric_can_be_had_again(scores, tmp_path):
    write_scores(tmp_path / "scores.npz", scores)
    again = read_scores(tmp_path / "scores.npz")
    assert recognition_metrics(again, 100, 3) == recognition_metrics(scores, 100, 3)
    assert again.labels.keys() == {"pose", "hair"}
    assert again.labels["hair"].tolist() == [-1, 0] * 30
    assert again.classes["pose"].tolist() == ["?", "l", "r"]
    assert again.session.tolist() == scores.session.tolist()


def test_same_scores_same_bytes(scores, tmp_path):
    for name in "ab":
        write_scores(tmp_path / f"{name}.npz", scores)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_other_files_are_refused(scores, tmp_path):
    path = tmp_path / "scores.npz"
    with pytest.raises(UserError, match=r"scores\.npz: missing; run `dvc repro evaluate`"):
        read_scores(path)
    write_scores(path, scores)
    whole = path.read_bytes()
    for content in (b"", b"hello", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"scores\.npz: no table of scores"):
            read_scores(path)
    np.savez(path, identity=np.array([object()]))
    with pytest.raises(UserError, match="no table of scores"):
        read_scores(path)
    np.savez(
        path,
        **{n: getattr(scores, n) for n in ("identity", "session", "gallery", "magnitude")},
        cosine=scores.cosine[1:],
    )
    with pytest.raises(UserError, match="not a score for each pair"):
        read_scores(path)
