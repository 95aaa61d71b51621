"""Markdown tables of the rows of benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

Results = dict[str, dict[str, Any]]
"""The newest result of each benchmark."""

Row = dict[str, Any]
Columns = dict[str, Callable[[Row], Any]]
"""For each column of a table its header, and a function from a row to its cell."""


MODELS = ("ibug68", "ibug68-fast", "wflw98")
"""The bundled models, the default first."""


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table; None is an empty cell."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join("" if cell is None else str(cell) for cell in line) + " |" for line in lines)


def columns_table(rows: Iterable[Row], columns: Columns) -> str:
    """Return a Markdown table with a line for each row."""
    return table(list(columns), [[show(row) for show in columns.values()] for row in rows])


def percent(share: float | None, digits: int = 2) -> str | None:
    """Return a fraction as per cent."""
    return None if share is None else f"{100 * share:.{digits}f} %"


ERRORS: Columns = {
    "NME": lambda row: percent(row["nme"]),
    "failures": lambda row: percent(row["failure_rate"], 1),
}
"""The columns of the errors, which several tables share."""


def find(rows: Sequence[Row], **wanted: Any) -> Row:
    """Return the first row with these values; an empty one if there is none."""
    return next((row for row in rows if all(row.get(key) == value for key, value in wanted.items())), {})


def model_cell(row: Row) -> str:
    """Return the cell of the model."""
    return f"`{row['model']}`"
