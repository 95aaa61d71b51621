"""The progress of long loops."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.progress import track

from facelattice.terminal import make_console, track_in_lines

Item = TypeVar("Item")


def track_progress(items: Sequence[Item], description: str, noun: str) -> Iterable[Item]:
    """Iterate over the items with a progress bar on stderr, or a line every minute if stderr is no terminal.

    Without items there is no bar.

    Args:
        items: The items.
        description: Label of the progress bar.
        noun: Name of the items, plural.
    """
    console = make_console(stderr=True)
    if console.is_terminal and len(items) > 0:
        return track(items, description, console=console)
    return track_in_lines(items, len(items), noun, console)
