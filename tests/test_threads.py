"""Work side by side: in order, with errors, on no more threads than there may be."""

import threading

import pytest
import torch

from psface import threads
from psface.threads import ahead_in_threads, map_in_threads, one_thread_each, thread_count


@pytest.mark.parametrize("count", ["1", "2"])
def test_results_in_order_each_on_one_thread(monkeypatch, count):
    monkeypatch.setenv("OMP_NUM_THREADS", count)
    monkeypatch.setattr(threads, "available_cpus", lambda: 2)
    used = set()

    def work(number):
        used.add(threading.get_ident())
        return number**2, torch.get_num_threads()

    before = torch.get_num_threads()
    assert list(map_in_threads(work, iter(range(30)))) == [(n**2, 1) for n in range(30)]
    assert len(used) <= int(count) and torch.get_num_threads() == before


def test_a_few_are_taken_ahead_and_errors_come_out(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(threads, "available_cpus", lambda: 2)
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = map_in_threads(lambda n: 1 // (5 - n), items())
    assert [next(results) for _ in range(5)] == [0, 0, 0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert len(taken) < 12


@pytest.mark.parametrize(
    ("told", "count"), [("", 4), ("1", 1), ("3", 3), ("9", 4), ("0", 4), ("two", 4), ("2,1", 4)]
)
def test_how_many(monkeypatch, told, count):
    monkeypatch.setattr(threads, "available_cpus", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert thread_count() == count


def test_one_thread_each():
    before = torch.get_num_threads()
    with one_thread_each():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("count", ["1", "2"])
def test_what_is_read_ahead_comes_in_order(monkeypatch, count):
    monkeypatch.setenv("OMP_NUM_THREADS", count)
    monkeypatch.setattr(threads, "available_cpus", lambda: 2)
    taken, used = [], set()

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    def read(number):
        used.add(threading.get_ident())
        return 1 / (50 - number)

    results = ahead_in_threads(read, items())
    assert [next(results) for _ in range(3)] == [1 / 50, 1 / 49, 1 / 48]
    assert 3 < len(taken) <= 3 + 1 + 2 * int(count)  # while the caller works on the third
    with pytest.raises(ZeroDivisionError):
        list(results)
    assert threading.get_ident() not in used
    unfinished = ahead_in_threads(read, items())
    next(unfinished)
    unfinished.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("read")]
