"""Plots as files, and the colors that several of them share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facelattice.formats import atomic_write

BLUE, ORANGE = "#3b82c4", "#d9782d"  # read on white and on black, and by the color-blind


def figure_format(path: Path) -> str:
    """The kind of plot that a file's name asks for: png (also if it says none), jpg, svg or pdf.

    Raises ValueError for a kind that cannot be drawn, ImportError without matplotlib: to ask before long work.
    """
    from matplotlib.backend_bases import FigureCanvasBase

    kind = path.suffix.lstrip(".").lower() or "png"
    if kind not in FigureCanvasBase.get_supported_filetypes():
        raise ValueError(f"{path}: cannot draw into such a file; .png, .jpg, .svg and .pdf can be")
    return kind


def save(figure: Any, path: Path) -> None:
    """A matplotlib figure as a file of the kind that its name says, see `figure_format`.

    The same figure gives the same file. Raises ValueError for a kind that cannot be drawn.
    """
    import matplotlib

    kind = figure_format(path)
    with (
        atomic_write(path, "wb") as file,
        matplotlib.rc_context({"svg.hashsalt": "facelattice", "svg.fonttype": "none"}),
    ):
        figure.savefig(file, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None)
