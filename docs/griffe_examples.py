"""Extension of griffe: examples in docstrings are shown as code."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from griffe import Extension, Module, Object

EXAMPLE = re.compile(r"^(?P<indent> *)Examples?:\n(?P<code>(?:(?P=indent) {4}.*\n?|\n)+)", re.MULTILINE)


class ExamplesAsCode(Extension):
    """Puts the lines of a section "Example" into a block of Python code."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change the docstring of an object before it is parsed."""
        if obj.docstring is not None and not obj.is_alias:
            obj.docstring.value = EXAMPLE.sub(_as_code, obj.docstring.value)

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Change the docstring of the package, for which griffe does not call `on_object`."""
        self.on_object(obj=pkg)


def _as_code(match: re.Match[str]) -> str:
    code = textwrap.dedent(match["code"]).strip()
    block = textwrap.indent(f"```python\n{code}\n```", match["indent"] + "    ")
    return f"{match['indent']}Example:\n{block}\n\n"
