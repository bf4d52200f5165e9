"""Measurements that were stopped go on where they were."""

import pytest

from psface.commands.measure.resumed import resumed

pytestmark = pytest.mark.usefixtures("one_process")


def test_only_what_is_missing_or_stale_is_computed(tmp_path):
    computed = []

    def square(item):
        computed.append(item)
        if item == (4,):
            raise KeyboardInterrupt
        return item[0] ** 2

    index, items = tmp_path / "index", [(1,), (2,), (4,)]
    with pytest.raises(KeyboardInterrupt):
        resumed(square, items, index, ["a"], "squares")
    assert resumed(square, [(2,), (1,), (3,)], index, ["a"], "squares") == [4, 1, 9]
    assert computed == [(1,), (2,), (4,), (3,)]
    assert resumed(square, [(3,)], index, ["b"], "squares") == [9]
    assert computed[-1] == (3,)
    assert len(computed) == 5


def test_what_could_not_be_told_is_kept_too(tmp_path):
    results = iter([None, [float("nan"), 0.25]])

    def next_of(item):
        return next(results)

    for _ in range(2):
        first, second = resumed(next_of, [("a",), ("b",)], tmp_path / "index", [], "rest")
        assert first is None and second[0] != second[0] and second[1] == 0.25
