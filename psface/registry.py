"""Things that are chosen by name, each in a module of its own that is loaded when it is asked for.

A registry is a dict of names to ``"package.module:attribute"``.
"""

from __future__ import annotations

import importlib
from typing import Any


def named(address: str) -> Any:
    """What a registry's entry stands for.

    Examples
    --------
    >>> named("psface.errors:UserError").__name__
    'UserError'
    """
    module, _, attribute = address.partition(":")
    return getattr(importlib.import_module(module), attribute)


def module_of(address: str) -> str:
    """The module of a registry's entry, for `psface.fingerprint.code_digest`.

    Examples
    --------
    >>> module_of("psface.errors:UserError")
    'psface.errors'
    """
    return address.partition(":")[0]
