"""Lazy imports of the public names of a package, so that importing the package is fast."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def lazy_names(package: str, modules: dict[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for the ``__init__`` of a package.

    Type checkers cannot follow them. The package therefore imports the names under ``if TYPE_CHECKING`` and calls this
    function in the ``else`` branch, so that unknown names are reported.

    Args:
        package: Name of the package.
        modules: The module of each public name, relative to the package.
    """

    def get_attribute(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)

    def list_names() -> list[str]:
        return sorted(modules)

    return get_attribute, list_names
