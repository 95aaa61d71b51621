"""The progress bar of a video."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from facelattice.cli.console import err
from facelattice.terminal import DescriptionColumn, format_rate

RECENT_FRAMES = 50  # over which the speed is averaged
LONG_SECONDS = 120.0  # a longer remaining time is reported


class FrameProgress:
    """Shows the speed and, if the number of frames is known, a bar; only on a terminal.

    Args:
        name: The text before the first frame.
        num_frames: Expected number of frames; None if unknown.
        on_long: Called after `RECENT_FRAMES` with the remaining seconds, if these are more than `LONG_SECONDS`.
    """

    def __init__(self, name: str, num_frames: int | None, on_long: Callable[[float], None] | None = None) -> None:
        self._num_frames, self._num_done, self._on_long = num_frames, 0, on_long
        bar: list[ProgressColumn] = [BarColumn(), TaskProgressColumn(), TimeRemainingColumn()] if num_frames else []
        columns = TimeElapsedColumn(), *bar, DescriptionColumn()
        self._progress = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
        self._task = self._progress.add_task(name, total=num_frames)
        self._times = deque([time.monotonic()], maxlen=RECENT_FRAMES)

    def __enter__(self) -> FrameProgress:
        self._progress.start()
        return self

    def advance(self) -> None:
        """Count a frame."""
        self._times.append(time.monotonic())
        self._num_done += 1
        rate = (len(self._times) - 1) / max(self._times[-1] - self._times[0], 1e-3)
        self._progress.update(self._task, advance=1, description=f"{format_rate(rate)} frames/s")
        if self._num_done == RECENT_FRAMES and self._num_frames is not None and self._on_long is not None:
            seconds_left = (self._num_frames - self._num_done) / rate
            if seconds_left > LONG_SECONDS:
                self._on_long(seconds_left)

    def describe(self, text: str) -> None:
        """Show a text in place of the speed."""
        self._progress.update(self._task, description=text)

    def __exit__(self, *error: object) -> None:
        with suppress(OSError):  # a closed terminal must not hide the signal that comes with it
            self._progress.stop()
