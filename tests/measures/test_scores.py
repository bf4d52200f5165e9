"""The file of scores: all that was known is there again, and nothing else is accepted."""

import numpy as np
import pytest

from psface.errors import UserError
from psface.measures.identification import rank_gallery
from psface.measures.scores import ARRAYS, read_scores, write_scores
from psface.measures.summary import recognition_metrics
from tests.measures.scored_people import scores_of


@pytest.fixture
def scores():
    rng = np.random.default_rng(2)
    identities = np.repeat([f"p{i}" for i in range(15)], 4)
    embeddings = np.repeat(rng.normal(size=(15, 5)), 4, axis=0) + rng.normal(size=(60, 5))
    return scores_of(embeddings, identities, {"pose": list("lr?l" * 15), "hair": ["", "x"] * 30})


def metrics_of(scores):
    return recognition_metrics(scores, rank_gallery(scores), 100, 3)


def test_every_metric_can_be_had_again(scores, tmp_path):
    write_scores(tmp_path / "scores.npz", scores)
    again = read_scores(tmp_path / "scores.npz")
    assert metrics_of(again) == metrics_of(scores)
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
        with pytest.raises(UserError, match=r"scores\.npz: not a table of scores"):
            read_scores(path)
    np.savez(path, identity=np.array([object()]))
    with pytest.raises(UserError, match="not a table of scores"):
        read_scores(path)
    np.savez(
        path,
        **{n: getattr(scores, n) for n in ARRAYS if n != "cosine"},
        cosine=scores.cosine[1:],
    )
    with pytest.raises(UserError, match="number of scores is not that of the pairs"):
        read_scores(path)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("gallery", lambda a: a.astype(np.int8), "gallery has the wrong"),
        ("session", lambda a: a[1:], "session has the wrong"),
        ("magnitude", lambda a: a.astype(complex), "magnitude has the wrong"),
        ("magnitude", lambda a: a * np.inf, "some scores are not finite"),
        ("cosine", lambda a: a * np.nan, "some scores are not finite"),
        ("nearest", lambda a: a + 100, "unknown gallery captures"),
        ("label.pose", lambda a: a + 9, "unknown classes in the labels of pose"),
        ("label.hair", lambda a: a[:-1], "hair has the wrong"),
        ("classes.hair", lambda a: a[0], "not a table of scores|classes of hair"),
    ],
)
def test_parts_that_do_not_fit(scores, tmp_path, name, change, said):
    path = tmp_path / "scores.npz"
    write_scores(path, scores)
    with np.load(path) as file:
        arrays = dict(file)
    arrays[name] = change(arrays[name])
    np.savez(path, **arrays)
    with pytest.raises(UserError, match=said):
        read_scores(path)


def test_of_very_many_pairs_some(scores, tmp_path):
    """All pairs of one person, exactly so many of two, and the same ones again."""
    rng = np.random.default_rng(4)
    names = np.repeat([f"p{i}" for i in range(30)], 6)
    embeddings = np.repeat(rng.normal(size=(30, 5)), 6, axis=0) + rng.normal(size=(180, 5))
    every, some = scores_of(embeddings, names), scores_of(embeddings, names, impostors=2000)
    assert (some.same.sum(), (~some.same).sum()) == (30 * 15, 2000)
    assert len(np.unique(some.some, axis=1).T) == 2450
    known = dict(zip(zip(every.first, every.second, strict=True), every.cosine, strict=True))
    drawn = zip(some.first, some.second, strict=True)
    assert some.cosine == pytest.approx([known[pair] for pair in drawn], abs=1e-6)
    write_scores(tmp_path / "some.npz", some)
    again = metrics_of(read_scores(tmp_path / "some.npz"))
    assert again == metrics_of(some)
    whole = metrics_of(every)
    assert again["rank1"] == whole["rank1"]
    assert again["identity_auc"] == pytest.approx(whole["identity_auc"], abs=0.02)
    repeated = scores_of(embeddings, names, impostors=2000)
    assert (repeated.some == some.some).all() and (repeated.cosine == some.cosine).all()
    assert scores_of(embeddings, names, impostors=(~every.same).sum()).some is None
