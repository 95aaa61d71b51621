"""Output of the commands: the two consoles, messages, formatted numbers, and the progress bar."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from facelattice.terminal import DescriptionColumn, make_console, one_line, track_in_lines

out = make_console()
err = make_console(stderr=True)


def print_line(message: str) -> None:
    """Print a line on stdout."""
    out.print(one_line(message), soft_wrap=True)


def print_error(message: str) -> None:
    """Print a message in red on stderr."""
    with suppress(OSError):  # a closed terminal must not hide the exit status
        err.print(one_line(message, "red"), soft_wrap=True)


def is_piped() -> bool:
    """Return whether stdout is a pipe or a file, not a terminal."""
    return not sys.stdout.isatty()


def print_message(message: str) -> None:
    """Print a message about the work on stdout; on stderr if stdout is piped, as it contains results then."""
    (err if is_piped() else out).print(one_line(message), soft_wrap=True)


def print_notice(message: str) -> None:
    """Print a message that is no error on stderr."""
    with suppress(OSError):
        err.print(one_line(message), soft_wrap=True)


def format_error(error: Exception) -> str:
    """Return the message of an error, with the file name first for an OSError."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def format_percent(fraction: float | None) -> str:
    """Return a fraction as a percentage with two decimals, or "-" for None."""
    return "-" if fraction is None else f"{100 * fraction:.2f} %"


class WorkProgress(Progress):
    """A progress bar with the remaining time on stderr. Without a terminal, `track` prints a line every minute.

    Args:
        noun: Name of the items of `track`, plural.
    """

    def __init__(self, noun: str):
        columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), DescriptionColumn()
        super().__init__(*columns, console=err, transient=True, disable=not err.is_terminal)
        self._noun = noun

    def track(self, sequence: Any, *args: Any, **settings: Any) -> Iterator[Any]:
        """Iterate over a list and show the progress."""
        items = super().track(sequence, *args, **settings)
        return iter(track_in_lines(items, len(sequence), self._noun, err) if self.disable else items)


def progress_bar(noun: str = "images") -> WorkProgress:
    """Create the progress bar of work on images, or on other items."""
    return WorkProgress(noun)
