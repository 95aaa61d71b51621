"""Write docs/commands.md, the reference of the command line, from the commands: `python docs/write_commands.py`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from facelattice.cli import app

PATH = Path(__file__).with_name("commands.md")
INTRODUCTION = """# Commands

All commands with their arguments and options, as `facelattice COMMAND --help` prints them.
`python docs/write_commands.py` writes this page from the code, and a test compares them. The
[exit status](output-files.md#exit-status) is the same for all commands.
"""


@dataclass(frozen=True)
class Parameter:
    """An argument or option of a command.

    Attributes:
        info: What the command states about it.
        shown: The name of an argument, or the names of an option with its value.
        default: The default, empty if there is none.
        usage: An argument in the usage line: in brackets if it is optional, with dots if it may be repeated.
    """

    info: ArgumentInfo | OptionInfo
    shown: str
    default: str
    usage: str = ""


def main() -> None:
    """Write the page."""
    PATH.write_text(render(), encoding="utf-8")


def render() -> str:
    """Return the page as Markdown."""
    return INTRODUCTION + "".join(
        section(command.name or command.callback.__name__, command.callback, command.epilog or "")
        for command in app.registered_commands
        if command.callback is not None
    )


def section(name: str, function: Callable[..., Any], examples: str) -> str:
    """Return the section of one command."""
    found = list(parameters(function))
    arguments = [one for one in found if isinstance(one.info, ArgumentInfo)]
    options = [one for one in found if isinstance(one.info, OptionInfo)]
    usage = " ".join(
        ["facelattice", name, *(argument.usage for argument in arguments), *(["[OPTIONS]"] if options else [])]
    )
    parts = [f"\n## {name}\n\n```text\n{usage}\n```\n\n{inspect.getdoc(function)}\n"]
    if arguments:
        parts.append("\n| argument | meaning |\n|---|---|\n")
        parts.extend(f"| `{cell(one.shown)}` | {cell(one.info.help)} |\n" for one in arguments)
    if options:
        parts.append("\n| option | default | meaning |\n|---|---|---|\n")
        parts.extend(f"| {cell(one.shown)} | {cell(one.default)} | {cell(one.info.help)} |\n" for one in options)
    return "".join([*parts, f"\n{examples}\n" if examples else ""])


def parameters(function: Callable[..., Any]) -> Iterator[Parameter]:
    """Yield the arguments and options of a command, in the order of its function."""
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        for info in getattr(hints[name], "__metadata__", ()):
            if isinstance(info, ArgumentInfo):
                shown = info.metavar or name.upper()
                usage = shown if parameter.default is inspect.Parameter.empty else f"[{shown}]"
                is_list = any(
                    get_origin(kind) is list for kind in (hints[name].__origin__, *get_args(hints[name].__origin__))
                )
                yield Parameter(info, shown, "", f"{usage}..." if is_list else usage)
            elif isinstance(info, OptionInfo):
                kind = hints[name].__origin__
                yield Parameter(info, option_names(name, info, kind), default_of(info, parameter.default))


def option_names(name: str, info: OptionInfo, kind: Any) -> str:
    """Return the names of an option, and its value unless it is a flag."""
    dashed = name.replace("_", "-")
    [kind] = [one for one in get_args(kind) or (kind,) if one is not NoneType]
    is_flag = kind is bool
    # With Annotated, the first name is where the default would be.
    given = [*([info.default] if isinstance(info.default, str) else []), *(info.param_decls or ())]
    written = given or [f"--{dashed}/--no-{dashed}" if is_flag else f"--{dashed}"]
    shown = ", ".join(f"`{one}`" for names in written for one in names.split("/"))
    return shown if is_flag else f"{shown} {info.metavar or kind.__name__.upper()}"


def default_of(info: OptionInfo, default: Any) -> str:
    """Return the default of an option as the help shows it."""
    if isinstance(info.show_default, str):
        return info.show_default
    if default is inspect.Parameter.empty:
        return "required"
    if isinstance(default, bool):
        return "on" if default else "off"
    return "" if default is None else f"`{default}`"


def cell(text: str | None) -> str:
    """Return a text for a cell of a table."""
    return re.sub(r"\s+", " ", text or "").replace("|", r"\|")


if __name__ == "__main__":
    main()
