"""Columns of tables for other results than landmarks: head pose, measures and visibility."""

from __future__ import annotations

from facelattice.face import Face
from facelattice.measures import MEASURES

RESULT_COLUMNS = ("yaw", "pitch", "roll", *MEASURES)
"""Names of the columns. Angles in degrees, ``size`` in pixels. Left and right are the sides of the image."""


CSV_COLUMNS = (*RESULT_COLUMNS, "visibility")
"""Names of the last columns of CSV tables. The visibility has a digit for each point: 0 visible, 1 hidden."""


def result_values(face: Face) -> dict[str, float | None]:
    """Return the value of each of `RESULT_COLUMNS`; None if the scheme or the face lacks points that it needs."""
    known = {name: value for group in face.results().values() for name, value in group.items()}
    return {name: known.get(name) for name in RESULT_COLUMNS}


def result_cells(face: Face) -> list[str]:
    """Return the value of each of `CSV_COLUMNS`; an unknown one is an empty cell."""
    visible = face.visible
    digits = "" if visible is None else "".join("0" if known else "1" for known in visible.tolist())
    return [*("" if value is None else f"{value:g}" for value in result_values(face).values()), digits]
