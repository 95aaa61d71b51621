"""Write docs/api.md, the list of all public names, from the code: `python docs/write_api.py`.

The page has one directive of mkdocstrings for each module. The site replaces it by the signatures and docstrings.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

PATH = Path(__file__).with_name("api.md")
INTRODUCTION = """# API reference

All public names. On the site (`mkdocs serve`), this page has their signatures, arguments, results and errors; in
Python, `help(name)` has the same. `python docs/write_api.py` writes this page from the code, and a test compares
them.

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
        parts.append(f"\n## {name}\n")
        own: list[str] = []
        elsewhere: dict[str, list[str]] = {}
        for public in selected or public_names(module):
            value = getattr(module, public)
            if not is_constant(value):
                summary(value)  # it must have a docstring
            home = listed.setdefault(id(value), name)
            (own if home == name else elsewhere.setdefault(home, [])).append(public)
        if own:
            parts.append(f"\n::: {name}\n    options:\n      members:\n")
            parts.extend(f"        - {public}\n" for public in own)
        else:
            parts.append(f"\n{summary(module)}\n")
        for home, names in elsewhere.items():
            parts.append(f"\nAlso here, from [{home}](#{home.replace('.', '').lower()}): {', '.join(names)}.\n")
    return "".join(parts)


def public_names(module: ModuleType) -> list[str]:
    """Return the names in ``__all__``, or those of the functions and classes that the module defines."""
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if name != "__version__"]
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    ]


def is_constant(value: Any) -> bool:
    """Return whether a value is neither a class, a function nor a module."""
    return not (inspect.isclass(value) or inspect.isfunction(value) or inspect.ismodule(value))


def summary(value: Any) -> str:
    """Return the first line of the docstring."""
    lines = (inspect.getdoc(value) or "").strip().splitlines()
    if not lines:
        raise ValueError(f"{value!r} has no docstring")
    return lines[0]


if __name__ == "__main__":
    main()
