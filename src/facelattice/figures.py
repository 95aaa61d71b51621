"""Plots as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facelattice.formats import atomic_write


def save(figure: Any, path: Path) -> None:
    """A matplotlib figure as a file of the kind that its name says: .png (also if it says none), .jpg, .svg or .pdf.

    The same figure gives the same file. Raises ValueError for a kind that cannot be drawn.
    """
    import matplotlib

    kind = path.suffix.lstrip(".") or "png"
    with (
        atomic_write(path, "wb") as file,
        matplotlib.rc_context({"svg.hashsalt": "facelattice", "svg.fonttype": "none"}),
    ):
        try:
            figure.savefig(file, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None)
        except ValueError as error:
            raise ValueError(f"{path}: cannot draw into such a file; .png, .jpg, .svg and .pdf can be") from error
