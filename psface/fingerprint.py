"""Find the code that a result depends on: a module, and the project's modules it imports.

This alone decides whether the code has changed: for maps, crops and simulated captures, for
training checkpoints, and for the dependencies in ``dvc.yaml``, which a test checks with `closure`.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOTS = {
    "psface": Path(__file__).parent,
    "stages": Path(__file__).parents[1] / "stages",
}


def code_digest(*modules: str) -> str:
    """Hash the source of modules and of all that they import (`closure`)."""
    digest = hashlib.sha256()
    for name, path in sorted(closure(*modules).items()):
        digest.update(name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def closure(*modules: str) -> dict[str, Path]:
    """Find this project's modules that are loaded with the given ones, and their files.

    Imports count anywhere, including in functions, but not under ``TYPE_CHECKING``. ``__init__``
    files do not count: they hold no code. Registries (`psface.registry`) are not followed: callers
    that know which entry is used pass its module as well.

    Parameters
    ----------
    *modules : str
        ``psface.stereo.compute``, for instance.

    Raises
    ------
    ValueError
        If one of them does not exist.

    Examples
    --------
    >>> sorted(closure("psface.errors"))
    ['psface.errors']
    """
    if unknown := [name for name in modules if _file(name) is None]:
        raise ValueError(f"no module {unknown[0]}")
    files: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if path is None or name in files:
            continue
        files[name] = path
        waiting += _imported(path)
    return files


def _file(module: str) -> Path | None:
    root, *parts = module.split(".")
    if root not in ROOTS or not parts:
        return None
    path = ROOTS[root].joinpath(*parts).with_suffix(".py")
    return path if path.is_file() else None


@cache
def _imported(path: Path) -> tuple[str, ...]:
    return tuple(_imports(ast.parse(path.read_text(encoding="utf-8"))))


def _imports(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{name.name}" for name in names)
        yield from _imports(child)
