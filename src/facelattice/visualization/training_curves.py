"""The curves of a training run: its losses and the NME on the validation faces."""

from __future__ import annotations

import os
from collections.abc import Sequence

from facelattice.visualization.figures import BLUE, ORANGE, figure_format, save_figure


def draw_training_curves(history: Sequence[dict[str, float]], path: str | os.PathLike[str]) -> None:
    """Draw the terms of the loss and the NME over the epochs, with a mark at the lowest NME.

    Args:
        history: A row of log.csv for each epoch, with "epoch", "val_nme" and the terms "loss_...".
        path: The drawing, .png, .jpg, .svg or .pdf.

    Raises:
        ArgumentError: If ``path`` has another suffix.
        MissingDependencyError: If matplotlib is not installed.
        OSError: If the file cannot be written.
    """
    figure_format(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), facecolor="white")
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.14, top=0.9, wspace=0.18)
    losses, nme = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    marker = "o" if len(epochs) < 3 else None  # a line of one point is not visible
    for name in [name for name in history[0] if name.startswith("loss_")]:
        losses.plot(epochs, [row[name] for row in history], marker=marker, label=name.removeprefix("loss_"))
    losses.set_title("training loss", fontsize="medium")
    losses.legend(fontsize="small")
    values = [100 * row["val_nme"] for row in history]
    best = values.index(min(values))
    nme.plot(epochs, values, color=BLUE)
    nme.plot(
        epochs[best], values[best], "o", color=ORANGE, label=f"best: {values[best]:.2f} %, epoch {epochs[best]:.0f}"
    )
    nme.set_title("NME on the validation faces, %", fontsize="medium")
    nme.legend(fontsize="small")
    for axes in (losses, nme):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    save_figure(figure, path)
