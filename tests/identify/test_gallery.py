"""Search, enrolment's mathematics, the promised rate, and the gallery's file."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from stages.errors import UserError
from stages.identify import search
from stages.identify.gallery import Gallery, build_gallery, read_gallery, write_gallery
from stages.identify.search import nearest


def directions(count: int, seed: int = 0, size: int = 12) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal((count, size), np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("queries", "people", "count"), [(7, 40, 5), (3, 2, 5), (0, 9, 5), (5, 9, 9)]
)
def test_search_is_exact(monkeypatch, queries, people, count):
    monkeypatch.setattr(search, "QUERIES", 3)
    monkeypatch.setattr(search, "ROWS", 7)
    q, g = directions(queries, 1), directions(people, 2)
    cosines, rows = nearest(q, g, count)
    assert cosines.shape == rows.shape == (queries, min(count, people))
    for query, found, where in zip(q, cosines, rows, strict=True):
        scores = [float(query @ one) for one in g]
        wanted = sorted(range(people), key=lambda i: -scores[i])[:count]
        assert where.tolist() == wanted
        assert found == pytest.approx([scores[i] for i in wanted], abs=1e-6)


def test_a_person_is_the_mean_of_their_embeddings_as_they_are():
    embeddings = np.array([[3, 0], [0, 1], [0, 5]], np.float32)  # the first is of better quality
    gallery = build_gallery(np.array(["b", "b", "a"]), embeddings, np.empty((0, 2)), "m")
    assert gallery.names == ["a", "b"] and gallery.captures.tolist() == [1, 2]
    assert gallery.means == pytest.approx(np.array([[0, 1], [3, 1] / np.sqrt(10)]))


def test_enrolled_people_play_strangers_to_all_but_themselves():
    embeddings, names = directions(9, 3) * 7, np.repeat(["x", "y", "z"], 3)
    gallery = build_gallery(names, embeddings, np.empty((0, 12)), "m")
    wanted = []
    for embedding, name in zip(embeddings, names, strict=True):
        others = []
        for other in set(names) - {name}:
            mean = embeddings[names == other].mean(axis=0)
            others.append(embedding @ mean / np.linalg.norm(embedding) / np.linalg.norm(mean))
        wanted.append(max(others))
    assert gallery.strangers == pytest.approx(np.sort(wanted), abs=1e-6)
    alone = build_gallery(np.array(["x", "x"]), embeddings[:2], np.empty((0, 12)), "m")
    assert len(alone.strangers) == 0


def test_given_strangers_are_compared_with_everybody():
    embeddings, strangers = directions(4, 4), directions(6, 5)
    gallery = build_gallery(np.array(list("abcd")), embeddings, strangers, "m")
    wanted = sorted(max(s @ e for e in embeddings) for s in strangers)
    assert gallery.strangers == pytest.approx(np.array(wanted), abs=1e-6)


def gallery_of(strangers: np.ndarray) -> Gallery:
    return Gallery(["a"], np.array([1]), np.ones((1, 1), np.float32), np.sort(strangers), "m")


def test_strangers_are_taken_for_someone_as_rarely_as_promised():
    rng = np.random.default_rng(6)
    for count, far in ((99, 0.05), (40, 0.1), (250, 0.01)):
        accepted = [
            float((rng.normal(size=400) > gallery_of(rng.normal(size=count)).threshold(far)).mean())
            for _ in range(300)
        ]
        promised = int((count + 1) * far + 1e-9) / (count + 1)
        assert np.mean(accepted) == pytest.approx(promised, rel=0.12)
        assert promised <= far


def test_a_rate_that_so_few_strangers_cannot_promise_is_refused():
    gallery = gallery_of(np.linspace(0, 1, 99))
    assert gallery.threshold(0.01) == 1.0
    with pytest.raises(UserError, match=r"needs 199 captures .* with 99: .*--far 0\.01"):
        gallery.threshold(0.005)
    with pytest.raises(UserError, match=r"calibrated with 0"):
        gallery_of(np.empty(0)).threshold(0.5)


def test_a_gallery_comes_back_as_it_was(tmp_path):
    path = tmp_path / "g.safetensors"
    gallery = build_gallery(
        np.array(["Nguyễn Văn A", "b c", "b c"]), directions(3), directions(5, 8), "model"
    )
    write_gallery(path, gallery)
    back = read_gallery(path, "model")
    assert back.names == ["Nguyễn Văn A", "b c"]
    for name in ("captures", "means", "strangers"):
        np.testing.assert_array_equal(getattr(back, name), getattr(gallery, name))
    with pytest.raises(UserError, match="enrolled with another model"):
        read_gallery(path, "another")


@pytest.mark.parametrize("content", [b"", b"junk", None, {"means": np.ones((2, 2), np.float32)}])
def test_what_is_no_gallery_is_refused(tmp_path, content):
    path = tmp_path / "g.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        save_file(content, path)
    said = "no gallery of" if content is not None else "there is no such gallery"
    with pytest.raises(UserError, match=said):
        read_gallery(path, "model")
