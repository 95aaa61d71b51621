"""What the commands print: the two consoles, messages, numbers, and the progress bar."""

from __future__ import annotations

from contextlib import suppress

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def print_error(message: str) -> None:
    """Print a message in red on stderr."""
    with suppress(OSError):  # a closed terminal must not hide the exit status
        err.print(Text(message, style="red"), soft_wrap=True)


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
