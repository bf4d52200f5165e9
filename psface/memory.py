"""Keep memory that was freed for what is allocated next."""

from __future__ import annotations

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h


def keep_memory() -> None:
    """Let glibc keep arrays of up to 32 MB in the process when they are freed.

    It gives them back to the system otherwise, until it happens to have seen large ones, and the
    next array is then handed out page by page, each of them zeroed: that was a third of the time
    that faces took to crop. These are the values that glibc itself comes to in time.
    """
    if os.name == "posix" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(M_MMAP_THRESHOLD, 2**25)
        mallopt(M_TRIM_THRESHOLD, 2**26)
