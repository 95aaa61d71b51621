"""Write docs/api.md, the list of all public names, from the code: `python docs/write_api.py`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

PATH = Path(__file__).with_name("api.md")
INTRODUCTION = """# API reference

All public names, with their signature and a summary. Use `help(name)` for the arguments, results and errors.
`python docs/write_api.py` writes this page from the code, and a test compares them.

Names with a leading underscore, and modules that are not listed here, are private and may change. The
[coordinate system](coordinates.md) is the same everywhere.
"""
MODULES = (
    "facelattice", "facelattice.exceptions", "facelattice.face", "facelattice.schemes", "facelattice.image_io",
    "facelattice.geometry", "facelattice.metrics", "facelattice.detection", "facelattice.inference",
    "facelattice.formats", "facelattice.video", "facelattice.visualization", "facelattice.datasets",
    "facelattice.modeling", "facelattice.training", "facelattice.evaluation", "facelattice.serve",
)  # fmt: skip


def main() -> None:
    """Write the page."""
    PATH.write_text(render(), encoding="utf-8")


def render() -> str:
    """Return the page as Markdown."""
    listed: dict[int, str] = {}
    parts = [INTRODUCTION]
    for name in MODULES:
        module = importlib.import_module(name)
        parts.append(f"\n## {name}\n\n{summary(module)}\n\n")
        for public in public_names(module):
            value = getattr(module, public)
            if id(value) in listed and not isinstance(value, (str, int, float)):
                parts.append(f"- `{public}`: see [{listed[id(value)]}](#{listed[id(value)].replace('.', '')}).\n")
            else:
                listed[id(value)] = name
                parts.extend(entries(public, value))
    return "".join(parts)


def public_names(module: ModuleType) -> list[str]:
    """Return the names in ``__all__``, or those of the functions and classes that the module defines."""
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if name != "__version__"]
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
    ]


def entries(name: str, value: Any) -> Iterator[str]:
    """Yield the lines of a public name: its own, and those of the members of a class."""
    if inspect.ismodule(value):
        yield f"- `{name}`: {summary(value)}\n"
    elif inspect.isclass(value) and issubclass(value, BaseException):
        yield f"- `{name}({', '.join(base.__name__ for base in value.__bases__)})`: {summary(value)}\n"
    elif inspect.isclass(value) or inspect.isfunction(value):
        yield f"- `{name}{signature(value)}`: {summary(value)}\n"
        if inspect.isclass(value):
            yield from members(value)
    else:
        yield f"- `{name}`: {type(value).__name__}.\n"


def members(kind: type) -> Iterator[str]:
    """Yield the lines of the public methods and properties that a class defines, and of its call."""
    for name, value in vars(kind).items():
        if name.startswith("_") and name != "__call__":
            continue
        function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if inspect.isfunction(function):
            shown = signature(function, is_method=not isinstance(value, staticmethod))
            yield f"    - `{name}{shown}`: {summary(function)}\n"
        elif isinstance(value, property):
            yield f"    - `{name}`: {summary(value)}\n"


class _Annotation(str):
    """An annotation that is shown without quotes."""

    __repr__ = str.__str__


def signature(value: Any, is_method: bool = False) -> str:
    """Return the signature of a function or class, without ``self``."""
    found = inspect.signature(value)
    parameters = [
        parameter.replace(annotation=_Annotation(parameter.annotation))
        if isinstance(parameter.annotation, str)
        else parameter
        for parameter in list(found.parameters.values())[is_method:]
    ]
    result = found.return_annotation
    if inspect.isclass(value):
        result = inspect.Signature.empty
    elif isinstance(result, str):
        result = _Annotation(result)
    return str(found.replace(parameters=parameters, return_annotation=result))


def summary(value: Any) -> str:
    """Return the first line of the docstring."""
    lines = (inspect.getdoc(value) or "").strip().splitlines()
    if not lines:
        raise ValueError(f"{value!r} has no docstring")
    return lines[0]


if __name__ == "__main__":
    main()
