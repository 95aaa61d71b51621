"""Parsing of coordinates in text files."""

from __future__ import annotations

import math
from collections.abc import Sequence

from facelattice.exceptions import FormatError


def parse_point(cells: Sequence[str], where: str) -> tuple[float, float]:
    """Parse two cells as finite numbers.

    Args:
        cells: The text of x and y.
        where: File and line, for the error.

    Raises:
        FormatError: If the cells are not two finite numbers.
    """
    try:
        x, y = map(float, cells)
    except ValueError:
        x = y = math.nan
    if not (math.isfinite(x) and math.isfinite(y)):
        raise FormatError(f"{where}: expected two numbers, not {' '.join(cells)!r}")
    return x, y
