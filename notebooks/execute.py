"""Run the notebooks beside this file and write their outputs into them: `make notebooks`.

A notebook holds what its cells print and draw, and nothing that differs from run to run, such as
times, versions and the state of an editor.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent
SECONDS = 600  # of a cell, at most
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebooks() -> list[Path]:
    return sorted(FOLDER.glob("*.ipynb"))


def executed(path: Path) -> NotebookNode:
    """Run a notebook from its first cell in a fresh kernel; return it with its outputs.

    The kernel sees no configuration of its user, and no progress bars.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as nobody:
        client = NotebookClient(
            notebook,
            timeout=SECONDS,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": str(path.parent)}},
        )
        paths = [str(FOLDER.parent), os.environ.get("PYTHONPATH", "")]
        own = {
            "IPYTHONDIR": nobody,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "TMPDIR": nobody,
            "TQDM_DISABLE": "1",
        }
        client.execute(env=os.environ | own)
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
    return notebook


def main() -> None:
    for path in notebooks():
        notebook = executed(path)
        nbformat.validate(notebook)
        nbformat.write(notebook, path)
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
