"""The functions come from the standard library: a worker must be able to import them."""

import ctypes
import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import pytest

from psface.errors import UserError
from psface.parallel import IN_FLIGHT_PER_WORKER, THREAD_VARIABLES, map_in_processes, using
from tests.far_work import deadly, page_faults


@pytest.fixture(params=[1, 2], ids=["one process", "pool"])
def workers(request, monkeypatch) -> int:
    monkeypatch.setattr("psface.parallel.available_cpus", lambda: request.param)
    return request.param


class Watched(Sequence[int]):
    """A sequence that knows how far it has been read."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.read = 0

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index):
        raise AssertionError("items are read in order")

    def __iter__(self) -> Iterator[int]:
        for item in range(self.length):
            self.read = item + 1
            yield item


def test_results_stream_in_order(workers):
    items = Watched(100)
    results = map_in_processes(math.factorial, items, "test")
    first = [next(results) for _ in range(3)]
    assert items.read <= 3 + 1 + IN_FLIGHT_PER_WORKER * workers
    assert first + list(results) == [math.factorial(i) for i in range(100)]
    assert items.read == 100


def test_an_exception_of_a_worker_propagates(workers):
    results = map_in_processes(math.sqrt, [4, 9, -1, 16], "test")
    with pytest.raises(ValueError, match=r"domain|nonnegative"):
        list(results)


def test_no_items(workers):
    assert list(map_in_processes(math.sqrt, [], "test")) == []


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
def test_workers_keep_the_memory_of_arrays_for_the_next(monkeypatch):
    monkeypatch.setattr("psface.parallel.available_cpus", lambda: 2)
    assert max(map_in_processes(page_faults, range(2), "test")) < 20_000


def test_workers_run_on_one_thread_each_and_the_parent_is_left_alone(monkeypatch):
    monkeypatch.setattr("psface.parallel.available_cpus", lambda: 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    seen = list(map_in_processes(os.getenv, [*THREAD_VARIABLES, "HOME"], "test"))
    assert seen[: len(THREAD_VARIABLES)] == ["1"] * len(THREAD_VARIABLES)
    assert os.environ["OMP_NUM_THREADS"] == "7" and "MKL_NUM_THREADS" not in os.environ


def test_a_killed_worker_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr("psface.parallel.available_cpus", lambda: 2)
    results = map_in_processes(partial(deadly, after=tmp_path / "seen"), range(20), "stereo")
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    (tmp_path / "seen").touch()
    said = r"stereo: a worker process was killed.*memory.* If it happens again, look at (.*)"
    with pytest.raises(UserError, match=said) as raised:
        list(results)
    names = re.search(said, str(raised.value))[1].split(", ")
    assert "3" in names and len(names) <= 2 and set(names) <= {*map(str, range(20))}


def test_an_engine_takes_the_place_of_the_pool(workers):
    asked = []

    @contextmanager
    def doubling(description, total):
        asked.append((description, total))
        yield lambda function, items: (2 * function(item) for item in items)

    with using(doubling):
        assert list(map_in_processes(math.sqrt, [4, 9], "test")) == [4, 6]
        assert list(map_in_processes(math.sqrt, iter([16]), "test", 1)) == [8]
        assert list(map_in_processes(math.sqrt, iter([16]), "of unknown length")) == [8]
    assert asked == [("test", 2), ("test", 1), ("of unknown length", None)]
    assert list(map_in_processes(math.sqrt, [4, 9], "test")) == [2, 3]
