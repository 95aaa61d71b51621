"""The output of a training run: one line per epoch, and the progress within the epoch.

On a terminal the progress is a bar. In a file it is a line every minute.
"""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from facelattice.terminal import SECONDS_BETWEEN_LINES, format_duration, format_rate, one_line

LINES_PER_HEADER = 20
# Columns of the losses. With the longest names and three-digit epochs, a line has 80 characters.
LOSS_NAMES = {"uncertainty": "uncert.", "visibility": "visible"}
MIN_WIDTH = 6


class RunLog:
    """Prints the progress and the epochs of a run. Use it as a context manager.

    Args:
        console: Where to print.
        num_epochs: Number of epochs of the run.
        first_epoch: Number of epochs that were trained before, in a resumed run.
        steps_per_epoch: Number of steps of an epoch.
    """

    def __init__(self, console: Console, num_epochs: int, first_epoch: int, steps_per_epoch: int):
        self._console, self._num_epochs, self._steps = console, num_epochs, steps_per_epoch
        self._first_step, self._num_steps = first_epoch * steps_per_epoch, num_epochs * steps_per_epoch
        self._num_lines = 0
        self._start = self._last_line = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(20),
            TextColumn("{task.fields[status]}"),
            console=console,
            disable=console.quiet or not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("starting", total=steps_per_epoch, status="")

    def __enter__(self) -> RunLog:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def show_step(self, epoch: int, step: int, images_per_second: float) -> None:
        """Show the progress.

        Args:
            epoch: Number of the epoch, from 1.
            step: Number of the step in it, from 1.
            images_per_second: Speed.
        """
        title = self._title(epoch)
        status = f"{step}/{self._steps}  {format_rate(images_per_second)} images/s  {self._time_left(epoch, step)} left"
        self._bar.update(self._task, completed=step, description=title, status=status)
        if self._bar.disable and time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._print(f"{title}  step {status}")

    def show_epoch(self, epoch: int, losses: dict[str, float], val_nme: float, is_best: bool) -> None:
        """Print the line of an epoch, and the names of its columns above every twentieth one.

        Args:
            epoch: Number of the epoch, from 1.
            losses: Mean of each term of the loss.
            val_nme: NME on the validation faces.
            is_best: No earlier epoch has a lower NME.
        """
        cells = {LOSS_NAMES.get(name, name): format_loss(value) for name, value in losses.items()}
        cells |= {"NME": f"{100 * val_nme:.2f} %", "left": self._time_left(epoch, self._steps)}
        widths = {name: max(MIN_WIDTH, len(name), len("99.99 %") if name == "NME" else 0) for name in cells}
        title = self._title(epoch)
        if self._num_lines % LINES_PER_HEADER == 0:
            names = "  ".join(name.rjust(width) for name, width in widths.items())
            self._print(f"{'':{len(title)}}  {names}")
        self._num_lines += 1
        values = "  ".join(cells[name].rjust(width) for name, width in widths.items())
        self._print(f"{title}  {values}{' best' * is_best}")

    def _title(self, epoch: int) -> str:
        return f"epoch {epoch:{len(str(self._num_epochs))}}/{self._num_epochs}"

    def _time_left(self, epoch: int, step: int) -> str:
        done = (epoch - 1) * self._steps + step
        elapsed = time.monotonic() - self._start
        return format_duration(elapsed / (done - self._first_step) * (self._num_steps - done))

    def _print(self, line: str) -> None:
        self._console.print(one_line(line), soft_wrap=True)
        self._last_line = time.monotonic()


def format_loss(value: float) -> str:
    """Format a loss in at most six characters."""
    return f"{value:.2f}" if abs(value) < 1000 else f"{value:.0f}" if abs(value) < 100_000 else f"{value:.0e}"
