"""A bar while something takes its time, on a terminal only, and on stderr: what is printed may go into a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")


def track_progress(items: Sequence[Item], what: str) -> Iterable[Item]:
    """The items, one by one."""
    console = Console(stderr=True)
    return track(items, what, console=console, disable=not console.is_terminal)
