"""What tests let workers of an engine do: they must be able to import it."""

import os
import resource
import time
from pathlib import Path

import cv2
import numpy as np

from psface.errors import UserError
from psface.parallel import THREAD_VARIABLES


def squared(item: int) -> int:
    return item * item


def slow(item: int) -> int:
    time.sleep(0.05)
    return item


def noted(folder: Path, item: int) -> tuple[int, int]:
    """Leave a file for every time that an item is worked on."""
    time.sleep(0.05)
    (folder / f"{item}-{time.time_ns()}").touch()
    return item, os.getpid()


def refusing(item: int) -> int:
    if item == 3:
        raise UserError("im3.bmp: broken")
    return item


def state(_: int) -> tuple[list[str | None], int, str]:
    return [os.environ.get(name) for name in THREAD_VARIABLES], cv2.getNumThreads(), str(Path.cwd())


def short_of_memory(item: int) -> int:
    if item == 3:
        raise MemoryError
    return item


def deadly(item: int, after: Path | None = None) -> int:
    """Item 3 ends its worker, once the file ``after`` is there, if it is given."""
    if item == 3:
        while after is not None and not after.exists():
            time.sleep(0.01)
        os._exit(9)
    return item


def page_faults(_: int) -> int:
    """How many pages the system hands out while arrays come and go, 200,000 of them in all."""
    for begun in (True, False):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(1 if begun else 20):
            [np.ones(1 << 20) for _ in range(5)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
