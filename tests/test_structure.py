"""How the code is laid out: what may import what, and how large its pieces may be."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 300, 60
CODE = sorted(
    path.relative_to(ROOT).as_posix()
    for package in ("psface", "stages")
    for path in (ROOT / package).rglob("*.py")
)
COMMANDS = "psface/commands/"


@cache
def tree(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def module_named(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(path: str) -> Iterator[tuple[str, str | None]]:
    """Each import of the project's own: its module, and the name that is taken from it."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import(names=names):
                found = [(alias.name, None) for alias in names]
            case ast.ImportFrom(module=module, names=names):
                found = [(module or "", alias.name) for alias in names]
            case _:
                continue
        yield from (item for item in found if item[0].partition(".")[0] in ("psface", "stages"))


def imports_from(path: str, package: str) -> list[str]:
    whole = [module if name is None else f"{module}.{name}" for module, name in imported(path)]
    return [name for name in whole if f"{name}.".startswith(f"{package}.")]


def test_the_library_imports_no_stage():
    found = {path: imports_from(path, "stages") for path in CODE if path.startswith("psface/")}
    assert {path: names for path, names in found.items() if names} == {}


def test_only_commands_import_commands():
    inside = (COMMANDS, "psface/__main__.py")  # `python -m psface` is the command itself
    outside = [path for path in CODE if not path.startswith(inside)]
    found = {path: imports_from(path, "psface.commands") for path in outside}
    assert {path: names for path, names in found.items() if names} == {}


def test_imports_are_those_that_the_digest_of_code_can_follow():
    """Absolute, and of modules that hold code: see `psface.fingerprint.closure`."""
    modules = {module_named(path) for path in CODE if not path.endswith("/__init__.py")}
    lost = []
    for path in CODE:
        if path == "psface/__init__.py":
            continue
        lost += [(path, node.lineno) for node in ast.walk(tree(path)) if getattr(node, "level", 0)]
        for module, name in imported(path):
            whole = module if name is None else f"{module}.{name}"
            lost += [(path, whole)] if not {module, whole} & modules else []
    assert lost == []


def test_files_are_short():
    sizes = {path: (ROOT / path).read_text(encoding="utf-8").count("\n") for path in CODE}
    assert {path: size for path, size in sizes.items() if size > LINES_OF_A_FILE} == {}


def lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many lines a function has, from its ``def``, without its docstring."""
    first = function.body[0]
    told = ast.get_docstring(function) is not None
    return function.end_lineno - function.lineno + 1 - told * (first.end_lineno - first.lineno + 1)


def test_functions_are_short():
    functions = {
        f"{path}: {node.name}": lines(node)
        for path in CODE
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: size for name, size in functions.items() if size > LINES_OF_A_FUNCTION} == {}


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_init_files_hold_no_code():
    """They run with whatever is imported below them, and the digest of code leaves them out."""
    inits = [path for path in CODE if path.endswith("/__init__.py")]
    code = {p: [ast.unparse(n) for n in tree(p).body if not is_docstring(n)] for p in inits}
    del code["psface/__init__.py"], code["stages/__init__.py"]  # Ctrl-C, from the first import on
    assert {path: statements for path, statements in code.items() if statements} == {}


def test_the_library_s_own_init_file_holds_lazy_names_alone():
    body = [node for node in tree("psface/__init__.py").body if not is_docstring(node)]
    kinds = (ast.Import, ast.ImportFrom, ast.If, ast.Assign, ast.FunctionDef)
    assert [ast.unparse(node) for node in body if not isinstance(node, kinds)] == []
    branches = [node for node in body if isinstance(node, ast.If)]
    assert all(ast.unparse(node.test) == "TYPE_CHECKING" for node in branches)
    functions = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    assert functions <= {"__getattr__", "__dir__"}
    loaded = subprocess.run(
        [sys.executable, "-c", "import psface, sys; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    own = [name for name in loaded if name.partition(".")[0] in ("psface", "stages")]
    assert own == ["psface"] and "numpy" not in loaded


def of_one_name(paths: list[Path]) -> dict[str, list[str]]:
    found = defaultdict(list)
    for path in sorted(paths):
        found[path.name].append(path.relative_to(ROOT).as_posix())
    return {name: places for name, places in found.items() if len(places) > 1}


def test_test_files_have_names_of_their_own():
    """pytest takes two files of one name for one module."""
    assert of_one_name(list((ROOT / "tests").rglob("test_*.py"))) == {}


def test_modules_have_names_of_their_own():
    twice = of_one_name([p for p in (ROOT / "psface").rglob("*.py") if p.name != "__init__.py"])
    assert twice == {}
