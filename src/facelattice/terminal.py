"""Consoles that print no control characters of file names and texts, which could change the terminal.

    console = make_console()
    console.print(one_line(f"written: {path}"), soft_wrap=True)

Use `one_line` for texts with names: the consoles do not escape newlines, nor the texts of progress bars.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.progress import ProgressColumn, Task
from rich.segment import Segment
from rich.text import Text

from facelattice import distributed
from facelattice.messages import escape, escape_lines

Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 60.0  # of progress without a terminal


class _Escaped:
    """A renderable without the control characters of its text."""

    def __init__(self, renderable: ConsoleRenderable):
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._renderable, options):
            is_text = not segment.control
            yield Segment(escape_lines(segment.text), segment.style) if is_text else segment


class _EscapeControlCharacters(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Escaped(renderable) for renderable in renderables]


def make_console(stderr: bool = False, quiet: bool = False) -> Console:
    """Return a console that writes to stdout or stderr, or nothing if it is quiet."""
    console = Console(stderr=stderr, quiet=quiet, highlight=False)
    console.push_render_hook(_EscapeControlCharacters())
    return console


def one_line(text: str, style: str = "") -> Text:
    """Return a text of one line in a style, without markup. Control characters, also newlines, are escaped."""
    return Text(escape(text), style)


def format_duration(seconds: float) -> str:
    """Return a duration in at most six characters, such as "45 s", "59 min" or "2.5 h"."""
    for limit, unit, name in ((100, 1, "s"), (100 * 60, 60, "min")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 3600:.1f} h"


def format_rate(per_second: float) -> str:
    """Return a number per second, such as "123", "1.3" or "0.04"."""
    return f"{per_second:.{0 if per_second >= 9.95 else 1 if per_second >= 0.095 else 2}f}"


def track_in_lines(items: Iterable[Item], count: int, noun: str, console: Console) -> Iterator[Item]:
    """Iterate over items and print a line every minute, as progress for logs.

    Args:
        items: The items.
        count: Number of items.
        noun: Name of the items, plural.
        console: Where the lines are printed.
    """
    start = last_line = time.monotonic()
    for number, item in enumerate(items):
        now = time.monotonic()
        if number and now - last_line >= SECONDS_BETWEEN_LINES and distributed.is_main():
            rate = number / (now - start)
            left = format_duration((count - number) / rate)
            with suppress(OSError):  # a closed terminal must not end the work
                line = f"{number}/{count} {noun}  {format_rate(rate)} {noun}/s  {left} left"
                console.print(one_line(line), soft_wrap=True)
            last_line = now
        yield item


class DescriptionColumn(ProgressColumn):
    """The description of a task of a progress bar, which may be the name of a file."""

    def render(self, task: Task) -> Text:
        """Return the description in one line."""
        return one_line(task.description)
