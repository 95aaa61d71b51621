"""Write docs/api.md, the list of all public names, from the code: `python docs/write_api.py`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, ForwardRef

PATH = Path(__file__).with_name("api.md")
INTRODUCTION = """# API reference

All public names, with their signature and a summary. Use `help(name)` for the arguments, results and errors.
`python docs/write_api.py` writes this page from the code, and a test compares them.

Names with a leading underscore, and modules that are not listed here, are private and may change. The
[coordinate system](coordinates.md) is the same everywhere.
"""
# The public modules. Of some, only the functions named here are public.
MODULES: dict[str, tuple[str, ...]] = {
    "facelattice": (),
    "facelattice.exceptions": (),
    "facelattice.schemes": (),
    "facelattice.image_io": (),
    "facelattice.file_search": ("find_images",),
    "facelattice.pose": ("head_pose",),
    "facelattice.crops": ("crop_matrix",),
    "facelattice.masks": ("face_mask",),
    "facelattice.geometry": (),
    "facelattice.metrics": (),
    "facelattice.detection": (),
    "facelattice.inference": (),
    "facelattice.inference.parallel": ("align_all",),
    "facelattice.inference.ray_data": ("align",),
    "facelattice.inference.benchmark": ("measure",),
    "facelattice.onnx_session": ("set_num_threads",),
    "facelattice.formats": (),
    "facelattice.video": (),
    "facelattice.visualization": (),
    "facelattice.datasets": (),
    "facelattice.modeling": (),
    "facelattice.training": (),
    "facelattice.evaluation": (),
    "facelattice.evaluation.evaluate": ("evaluate",),
    "facelattice.evaluation.compare": ("compare",),
    "facelattice.evaluation.ablation.runner": ("ablate",),
    "facelattice.serve": (),
    "facelattice.cli": ("main",),
}


def main() -> None:
    """Write the page."""
    PATH.write_text(render(), encoding="utf-8")


def render() -> str:
    """Return the page as Markdown."""
    listed: dict[int, str] = {}
    parts = [INTRODUCTION]
    for name, selected in MODULES.items():
        module = importlib.import_module(name)
        parts.append(f"\n## {name}\n\n{summary(module)}\n\n")
        for public in selected or public_names(module):
            value = getattr(module, public)
            home = listed.setdefault(id(value), name)
            if home != name:
                parts.append(f"- `{public}`: see [{home}](#{home.replace('.', '').lower()}).\n")
            else:
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
        elif isinstance(value, (property, cached_property)):
            yield f"    - `{name}`: {summary(value)}\n"


class _Text(str):
    """A text that is shown without quotes."""

    __repr__ = str.__str__


def signature(value: Any, is_method: bool = False) -> str:
    """Return the signature of a function or class, without ``self``."""
    if is_protocol(value):
        return ""
    found = inspect.signature(value)
    parameters = [
        parameter.replace(annotation=unquoted(parameter.annotation), default=by_name(parameter.default))
        for parameter in list(found.parameters.values())[is_method:]
    ]
    result = inspect.Signature.empty if inspect.isclass(value) else unquoted(found.return_annotation)
    return str(found.replace(parameters=parameters, return_annotation=result))


def unquoted(annotation: Any) -> Any:
    """Return an annotation that is shown as in the code."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    return _Text(annotation) if isinstance(annotation, str) else annotation


def by_name(default: Any) -> Any:
    """Return the default of an argument; a built-in function is shown by its name."""
    return _Text(default.__name__) if inspect.isbuiltin(default) else default


def is_protocol(value: Any) -> bool:
    """Return whether a class is a protocol, which is not called."""
    return bool(getattr(value, "_is_protocol", False))


def summary(value: Any) -> str:
    """Return the first line of the docstring."""
    lines = (inspect.getdoc(value) or "").strip().splitlines()
    if not lines:
        raise ValueError(f"{value!r} has no docstring")
    return lines[0]


if __name__ == "__main__":
    main()
