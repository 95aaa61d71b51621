"""A progress bar for long loops."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.progress import track

from facelattice.terminal import make_console

Item = TypeVar("Item")


def track_progress(items: Sequence[Item], description: str) -> Iterable[Item]:
    """Iterate over the items with a progress bar on stderr, if that is a terminal."""
    console = make_console(stderr=True)
    return track(items, description, console=console, disable=not console.is_terminal)
