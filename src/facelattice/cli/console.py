"""What the commands print: the two consoles, messages, numbers, and the progress bar."""

from __future__ import annotations

import sys
from contextlib import suppress

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.text import Text

# Rich passes most control characters on. Those of names and files could change the title or the text of the terminal.
CONTROL_CHARACTERS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code not in (9, 10)}


class _Escaped:
    """A renderable without the control characters of its text."""

    def __init__(self, renderable: ConsoleRenderable):
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._renderable, options):
            is_text = not segment.control
            yield Segment(segment.text.translate(CONTROL_CHARACTERS), segment.style) if is_text else segment


class _EscapeControlCharacters(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Escaped(renderable) for renderable in renderables]


def _make_console(stderr: bool = False) -> Console:
    console = Console(stderr=stderr, highlight=False)
    console.push_render_hook(_EscapeControlCharacters())
    return console


out = _make_console()
err = _make_console(stderr=True)


def print_error(message: str) -> None:
    """Print a message in red on stderr."""
    with suppress(OSError):  # a closed terminal must not hide the exit status
        err.print(Text(message, style="red"), soft_wrap=True)


def is_piped() -> bool:
    """Return whether stdout is a pipe or a file, which other programs read, and not a terminal."""
    return not sys.stdout.isatty()


def print_message(message: str) -> None:
    """Print a message about the work: on stdout, or on stderr if stdout is piped and holds results."""
    (err if is_piped() else out).print(Text(message), soft_wrap=True)


def print_notice(message: str) -> None:
    """Print a message on stderr that is no error."""
    with suppress(OSError):
        err.print(Text(message), soft_wrap=True)


def format_error(error: Exception) -> str:
    """Return the message of an error, with the file name first for an OSError."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def pluralize(count: int, noun: str) -> str:
    """Return the count and the noun, such as "1 face" or "2 faces"."""
    return f"{count} {noun}{'s' * (count != 1)}"


def format_percent(fraction: float | None) -> str:
    """Return a fraction as a percentage with two decimals, or "-" for None."""
    return "-" if fraction is None else f"{100 * fraction:.2f} %"


def progress_bar() -> Progress:
    """Return a progress bar with the remaining time. It is shown on a terminal only."""
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}")
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
