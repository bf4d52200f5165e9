"""What a worker of an engine does: check that it is fit, then work on an item."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from psface.disk import scratch, writing
from psface.fingerprint import ROOTS
from psface.memory import keep_memory
from psface.parallel import THREAD_VARIABLES

# Packages on whose versions the bytes of maps and crops depend.
PACKAGES = ("numpy", "opencv-python-headless", "openexr", "pillow", "scipy", "torch")
Project = tuple[str, str, str, str]  # folder, a file in it, what is in the file, the environment


def work_there() -> Callable[[Project, bytes, bytes], tuple[str, bytes]]:
    """Return the function that a worker runs; nested, so that it is sent as code, not by name: the
    worker may have another version of psface, or none."""

    def work(project: Project, function: bytes, items: bytes) -> tuple[str, bytes]:
        """Return why the worker is unfit, or nothing and the results."""
        import contextlib
        import os
        import socket

        try:
            import cloudpickle

            from psface.engines.remote_work import unfit
        except ImportError as error:
            remedy = "start workers in the environment of this project"
            return f"the worker on {socket.gethostname()} lacks psface ({error}); {remedy}", b""
        with contextlib.suppress(OSError):  # `unfit` says so
            os.chdir(project[0])  # paths are relative to it
        if reason := unfit(project):
            return reason, b""
        results = list(map(cloudpickle.loads(function), cloudpickle.loads(items)))
        return "", cloudpickle.dumps(results)

    return work


@cache
def unfit(project: Project) -> str:
    """Say in one line why this process cannot work for a project; prepare it otherwise."""
    import cv2
    from threadpoolctl import threadpool_limits

    folder, name, token, wanted = project
    host = socket.gethostname()
    try:
        shared = Path(folder, name).read_text(encoding="utf-8") == token
    except OSError:
        shared = False
    if not shared:
        return (
            f"the worker on {host} does not see {folder} as it is here; put the project on storage "
            "that all share"
        )
    if (found := environment()) != wanted:
        differing = zip(found.splitlines(), wanted.splitlines(), strict=True)
        theirs, ours = next(pair for pair in differing if pair[0] != pair[1])
        return (
            f"the worker on {host} has {theirs}, here is {ours}; start it in the environment of "
            "this project, and anew after changes to the code"
        )
    os.environ.update({name: "1" for name in THREAD_VARIABLES})  # for libraries loaded later
    threadpool_limits(1)
    cv2.setNumThreads(1)
    keep_memory()  # Dask tells glibc the opposite
    return ""


@contextmanager
def project() -> Iterator[Project]:
    """Describe the project in the current folder to workers, with a file for them to find."""
    path, token = scratch() / f".partial-shared-{uuid.uuid4()}", uuid.uuid4().hex
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(token, encoding="utf-8")
    try:
        yield str(Path.cwd()), str(path), token, environment()
    finally:
        path.unlink(missing_ok=True)


def environment() -> str:
    """All that results depend on, besides what they are made of; a line each."""
    digest = hashlib.sha256()
    for path in sorted(ROOTS["psface"].rglob("*.py")):
        digest.update(path.relative_to(ROOTS["psface"]).as_posix().encode() + path.read_bytes())
    lines = [f"Python {sys.version_info.major}.{sys.version_info.minor}"]
    lines += [f"{name} {_version(name)}" for name in PACKAGES]
    return "\n".join([*lines, f"psface {_version('psface')} of code {digest.hexdigest()[:12]}"])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of unknown version"
