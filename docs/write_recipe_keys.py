"""Write docs/recipe-keys.md from the dataclasses of recipes: `python docs/write_recipe_keys.py`."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from omegaconf import MISSING as REQUIRED

from facelattice.training.config import DataSource, Recipe
from facelattice.training.recipe_checks import BOUNDS, CHOICES

PATH = Path(__file__).with_name("recipe-keys.md")
INTRODUCTION = """# Recipe keys

All keys of a [recipe](your-own-data.md#the-recipe). On the command line,
`facelattice train recipe.yaml epochs=100 network.k=2` overrides them. A wrong key or value is an error that names
the nearest valid one. `python docs/write_recipe_keys.py` writes this page from the code, and a test compares them.
"""


def main() -> None:
    """Write the page."""
    PATH.write_text(render(), encoding="utf-8")


def render() -> str:
    """Return the page as Markdown."""
    kinds = get_type_hints(Recipe)
    sections = {field.name: kinds[field.name] for field in fields(Recipe) if is_dataclass(kinds[field.name])}
    defaults = {field.name: field.default_factory() for field in fields(Recipe) if field.name in sections}  # type: ignore[misc]
    parts = [INTRODUCTION, table("The recipe", Recipe, "", set(sections)), table("data: one dataset", DataSource, "")]
    parts.extend(table(name, kind, f"{name}.", default=defaults[name]) for name, kind in sections.items())
    return "".join(parts)


def table(title: str, kind: type[Any], prefix: str, left_out: set[str] | None = None, default: Any = None) -> str:
    """Return the section of one dataclass, or of one instance with other defaults."""
    meanings = attributes(kind)
    rows = []
    for field in fields(kind):
        if field.name in (left_out or ()):
            continue
        value = default_of(field) if default is None else getattr(default, field.name)
        key = f"{prefix}{field.name}"
        rows.append(f"| `{key}` | {shown(value)} | {allowed(key)} | {meanings[field.name]} |\n")
    head = "| key | default | allowed | meaning |\n|---|---|---|---|\n"
    return f"\n## {title}\n\n{summary(kind)}\n\n{head}{''.join(rows)}"


def default_of(field: Field[Any]) -> Any:
    """Return the default of a field."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def shown(value: Any) -> str:
    """Return a default as YAML writes it."""
    if value == REQUIRED:
        return "required"
    if value in (None, "", []):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def summary(kind: type[Any]) -> str:
    """Return the first line of the docstring."""
    return (inspect.getdoc(kind) or "").splitlines()[0]


def attributes(kind: type[Any]) -> dict[str, str]:
    """Return the section "Attributes" of a docstring as name and meaning."""
    text = (inspect.getdoc(kind) or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", text, flags=re.MULTILINE)
    return {name: meaning(text) for name, text in entries}


def meaning(text: str) -> str:
    """Return the text of a docstring for a cell of a table."""
    return re.sub(r"\s+", " ", text.replace("``", "`")).replace("|", r"\|")


def allowed(key: str) -> str:
    """Return the values that a key may have, as far as the checks of recipes state them."""
    if key in CHOICES:
        return ", ".join(f"`{choice}`" for choice in CHOICES[key])
    return next((bound for bound, (_, keys) in BOUNDS.items() if key in keys), "")


if __name__ == "__main__":
    main()
