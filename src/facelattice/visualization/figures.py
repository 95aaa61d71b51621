"""Matplotlib figures as files, and the colors that they share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from facelattice.atomic_files import atomic_write
from facelattice.exceptions import ArgumentError, MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE = "#3b82c4", "#d9782d"  # readable on white and on black, and distinct to color-blind readers


def figure_format(path: str | os.PathLike[str]) -> str:
    """Return the format of a figure by the suffix of its file: "png" (also without a suffix), "jpg", "svg" or "pdf".

    Raises:
        ArgumentError: If matplotlib cannot write such files.
        MissingDependencyError: If matplotlib is not installed.
    """
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError as error:
        raise MissingDependencyError('drawings need matplotlib; run: pip install "facelattice[evaluate]"') from error
    suffix = Path(path).suffix.lstrip(".").lower() or "png"
    if suffix not in FigureCanvasBase.get_supported_filetypes():
        raise ArgumentError(f"{path}: unknown file type; use .png, .jpg, .svg or .pdf")
    return suffix


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure in the format of `figure_format`; equal figures give equal files.

    Raises:
        ArgumentError: If matplotlib cannot write such files.
        OSError: If the file cannot be written.
    """
    suffix = figure_format(path)
    import matplotlib

    with (
        atomic_write(path, "wb") as file,
        matplotlib.rc_context({"svg.hashsalt": "facelattice", "svg.fonttype": "none"}),
    ):
        figure.savefig(file, format=suffix, dpi=110, metadata={"Date": None} if suffix == "svg" else None)
