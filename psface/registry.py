"""Objects chosen by name, each in its own module, loaded on demand.

A registry is a dict from names to ``"package.module:attribute"``.
"""

from __future__ import annotations

import importlib
from typing import Any


def named(address: str) -> Any:
    """Load the object of a registry entry.

    Examples
    --------
    >>> named("psface.errors:UserError").__name__
    'UserError'
    """
    module, _, attribute = address.partition(":")
    return getattr(importlib.import_module(module), attribute)


def module_of(address: str) -> str:
    """Return the module of a registry entry, for `psface.fingerprint.code_digest`.

    Examples
    --------
    >>> module_of("psface.errors:UserError")
    'psface.errors'
    """
    return address.partition(":")[0]
