"""Search, enrolment's mathematics, the promised rate, and the gallery's file."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from psface import search
from psface.commands.measure.promised_rates import open_set
from psface.errors import UserError
from psface.recognise.gallery import build_gallery, read_gallery, write_gallery
from psface.search import nearest


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
    gallery = build_gallery(np.array(["b", "b", "a"]), embeddings, None, "m")
    assert gallery.names == ["a", "b"] and gallery.captures.tolist() == [1, 2]
    assert gallery.means == pytest.approx(np.array([[0, 1], [3, 1] / np.sqrt(10)]))


def test_enrolled_people_play_strangers_to_all_but_themselves():
    embeddings, names = directions(9, 3) * 7, np.array(list("xxxxyyzzz"))
    gallery = build_gallery(names, embeddings, None, "m")
    wanted = []
    for embedding, name in zip(embeddings, names, strict=True):
        others = []
        for other in set(names) - {name}:
            mean = embeddings[names == other].mean(axis=0)
            others.append(embedding @ mean / np.linalg.norm(embedding) / np.linalg.norm(mean))
        wanted.append(max(others))
    assert gallery.strangers == pytest.approx(np.array(wanted), abs=1e-6)
    share = 1.5 / 4  # of each of the three and of the one to come, raised by 3 / 2
    assert gallery.spare == 2 * share
    assert gallery.weights == pytest.approx(share / np.array([4, 4, 4, 4, 2, 2, 3, 3, 3]))
    alone = build_gallery(np.array(["x", "x"]), embeddings[:2], None, "m")
    assert alone.least_rate == 1 and alone.threshold(0.99) == np.inf


def test_given_strangers_are_compared_with_everybody():
    embeddings, strangers = directions(4, 4), directions(6, 5)
    given = (np.array(list("uuvvvw")), strangers)
    gallery = build_gallery(np.array(list("abcd")), embeddings, given, "m")
    wanted = [max(s @ e for e in embeddings) for s in strangers]
    assert gallery.strangers == pytest.approx(np.array(wanted), abs=1e-6)
    assert gallery.spare == 0.25
    assert gallery.weights == pytest.approx(np.array([3, 3, 2, 2, 2, 6]) / 24)


def test_the_promise_holds_where_each_was_enrolled_by_one_capture():
    """Who are most alike among the enrolled are so to each other, which helps a newcomer."""
    rng, far, accepted = np.random.default_rng(8), 0.1, []
    for _ in range(1500):
        faces = rng.normal(size=(31, 8)).astype(np.float32)
        faces /= np.linalg.norm(faces, axis=1, keepdims=True)
        gallery = build_gallery(np.arange(30).astype(str), faces[:30], None, "m")
        cosines, _ = nearest(faces[30:], gallery.means, 1)
        accepted.append(cosines[0, 0] > gallery.threshold(far))
    assert 0.3 * far < np.mean(accepted) < far + 2 * np.sqrt(far / 1500)


def test_the_threshold_leaves_as_much_over_it_as_is_allowed():
    rng = np.random.default_rng(7)
    gallery = build_gallery(
        np.array(["a"]), directions(1), (rng.integers(0, 30, 200), directions(200, 9)), "m"
    )
    for far in (0.04, 0.05, 0.1, 0.3, 0.9):
        found = gallery.threshold(far)

        def promised(threshold: float) -> float:
            return gallery.spare + gallery.weights[gallery.strangers > threshold].sum()

        assert promised(found) <= far < promised(np.nextafter(found, -2)) + 1e-6
    assert gallery.least_rate == 1 / 31
    assert gallery.threshold(0.03) == np.inf > gallery.threshold(gallery.least_rate)


@pytest.mark.parametrize("given", [True, False])
def test_strangers_are_taken_for_someone_as_rarely_as_promised(given):
    """People differ in how alike they are to others, and captures little."""
    rng = np.random.default_rng(6)

    def captures(people: int, shots: int) -> np.ndarray:
        own = rng.normal(size=(people, 1, 6)) + 0.3 * rng.normal(size=(people, shots, 6))
        return own.reshape(-1, 6).astype(np.float32)

    far, accepted = 0.1, []
    for _ in range(400):
        names, faces = np.repeat(np.arange(40), 3), captures(40, 3)
        strangers = (np.repeat(np.arange(25), 4), captures(25, 4)) if given else None
        gallery = build_gallery(names, faces, strangers, "m")
        fresh = captures(40, 1)
        fresh /= np.linalg.norm(fresh, axis=1, keepdims=True)
        cosines, _ = nearest(fresh, gallery.means, 1)
        accepted.append((cosines[:, 0] > gallery.threshold(far)).mean())
    assert 0.3 * far < np.mean(accepted) < far + 2 * np.std(accepted) / 20


def test_a_gallery_comes_back_as_it_was(tmp_path):
    path = tmp_path / "g.safetensors"
    gallery = build_gallery(
        np.array(["Nguyễn Văn A", "b c", "b c"]),
        directions(3),
        (np.array(list("uuvvw")), directions(5, 8)),
        "model",
    )
    write_gallery(path, gallery)
    back = read_gallery(path, "model")
    assert back.names == ["Nguyễn Văn A", "b c"]
    assert back.spare == gallery.spare == 0.25
    for name in ("captures", "means", "strangers", "weights"):
        np.testing.assert_array_equal(getattr(back, name), getattr(gallery, name))
    with pytest.raises(UserError, match="enrolled with another model"):
        read_gallery(path, "another")


@pytest.mark.parametrize(
    "change",
    [
        {"names": ["a"]},
        {"means": np.ones((2, 12))},
        {"means": np.full((2, 12), np.nan, np.float32)},
        {"weights": np.ones(3)},
        {"captures": np.ones(5, np.int64)},
        {"spare": float("nan")},
        {"names": ["a", None]},
    ],
)
def test_parts_that_do_not_fit_each_other(tmp_path, change):
    gallery = build_gallery(
        np.array(list("abb")), directions(3), (np.arange(4), directions(4)), "m"
    )
    write_gallery(tmp_path / "g.safetensors", replace(gallery, **change))
    with pytest.raises(UserError, match="not a gallery written by"):
        read_gallery(tmp_path / "g.safetensors", "m")


@pytest.mark.parametrize("content", [b"", b"junk", None, {"means": np.ones((2, 2), np.float32)}])
def test_what_is_no_gallery_is_refused(tmp_path, content):
    path = tmp_path / "g.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        save_file(content, path)
    said = "not a gallery" if content is not None else "no such gallery; create it"
    with pytest.raises(UserError, match=said):
        read_gallery(path, "model")


def test_the_measurement_finds_what_is_so():
    """People far apart are always known; with people who are all alike, it is as good as chance."""
    rng = np.random.default_rng(3)
    people = np.repeat([f"p{i}" for i in range(24)], 6)
    far_apart = np.repeat(np.eye(24, dtype=np.float32), 6, axis=0)
    clear = open_set(people, far_apart + 0.02 * rng.normal(size=(144, 24)).astype(np.float32), 10)
    assert clear["nearest"].tolist() == [1.0] * len(clear) and clear["promised"].iloc[-1] == 0.2
    assert (clear["identified"] == 1).all() and (clear["low"] <= clear["accepted"]).all()
    noise = open_set(people, rng.normal(size=(144, 24)).astype(np.float32), 10)
    assert (noise["nearest"] < 0.25).all()
    assert noise["promised"].tolist() == [0.2]  # 17 people cannot promise less
    assert (noise["accepted"] <= noise["promised"] + 0.1).all()
    assert not len(open_set(people[:24], far_apart[:24], 2))  # 4 people promise nothing
    with pytest.raises(UserError, match="four people or more"):
        open_set(people[:12], far_apart[:12], 2)
