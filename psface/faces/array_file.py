"""A growing ``.npy`` file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from psface.faces.stored_planes import in_eight_bits, in_halves

AT_ONCE = 1024  # items rewritten


class ArrayFile:
    """Writes items of one shape, one after the other, in the smallest type that holds them all.

    Parameters
    ----------
    path : Path
    shape : sequence of int
        Of an item.
    types : sequence of dtype
        Possible types: uint8, if the items may have only eight bits, and the type of the items.
    """

    def __init__(self, path: Path, shape: Sequence[int], types: Sequence[np.dtype]) -> None:
        self.path, self.shape, self.types = path, tuple(shape), tuple(types)
        self.count = 0
        self.file = path.open("w+b")
        self._write_header()

    def add(self, item: np.ndarray) -> None:
        """Write an item; if it is the first with more than eight bits, all before it anew."""
        if len(self.types) > 1:
            narrow = in_eight_bits(item)
            if narrow is None:
                self._widen()
            else:
                item = narrow
        self.file.write(item.tobytes())
        self.file.flush()
        self.count += 1

    def _widen(self) -> None:
        wide = ArrayFile(self.path.with_name(f"{self.path.name}.wide"), self.shape, self.types[1:])
        self.file.seek(self.start)
        size = int(np.prod(self.shape))
        while block := self.file.read(AT_ONCE * size):
            wide.file.write(in_halves(np.frombuffer(block, np.uint8)).tobytes())
        self.file.close()
        wide.path.replace(self.path)
        self.file, self.types = wide.file, wide.types

    def _write_header(self) -> None:
        # NumPy pads the header for a growing first axis, so it can be rewritten in place.
        descr = np.lib.format.dtype_to_descr(self.types[0])
        header = {"descr": descr, "fortran_order": False, "shape": (self.count, *self.shape)}
        self.file.seek(0)
        np.lib.format.write_array_header_1_0(self.file, header)
        self.start = self.file.tell()

    def finish(self) -> None:
        """Write the length."""
        self._write_header()
