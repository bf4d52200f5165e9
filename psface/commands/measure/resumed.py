"""Long measurements that go on where a stopped run was."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from psface.files import digest_of
from psface.kept_results import KeptResults
from psface.parallel import map_in_processes


def resumed(
    function: Callable[[tuple], Any],
    items: Sequence[tuple],
    index: Path,
    depends_on: Sequence[str],
    description: str,
) -> list[Any]:
    """Compute ``function(item)`` for every item, as `psface.parallel.map_in_processes` does, but
    what an earlier run found.

    Parameters
    ----------
    function : callable
        Returns what JSON can hold.
    items : sequence of tuple
        Of texts and numbers; all different.
    index : Path
        File that results are kept in (`psface.kept_results`).
    depends_on : sequence of str
        All that a result depends on beside its item: parameters, and hashes of code and files.

    Examples
    --------
    >>> for items in ([(1, 2)], [(1, 2), (3, 4)]):  # the second run computes one more
    ...     resumed(sum, items, Path("sums.index"), ["by code 1"], "sums")
    [3]
    [3, 7]
    """
    mark = digest_of(*depends_on)
    with KeptResults(index) as kept:
        found = {item: kept.get(json.dumps(item), mark) for item in items}
        new = [item for item, of in found.items() if of is None]
        for item, result in zip(new, map_in_processes(function, new, description), strict=True):
            found[item] = json.dumps(result)
            kept.put(json.dumps(item), mark, str(found[item]))
    return [json.loads(str(found[item])) for item in items]
