"""Parsing of numbers and JSON in files of annotations."""

from __future__ import annotations

import json
import math
import os
import reprlib
from collections.abc import Sequence
from typing import Any

from facelattice.exceptions import FormatError

MAX_COORDINATE = 1e7  # pixels; no image is so large


def parse_point(cells: Sequence[str], where: str) -> tuple[float, float]:
    """Parse two cells as finite numbers.

    Args:
        cells: The text of x and y.
        where: File and line, for the error.

    Raises:
        FormatError: If the cells are not two finite numbers, or too large for coordinates.
    """
    try:
        x, y = (float(cell) if "_" not in cell else math.nan for cell in cells)  # float takes 1_000
    except ValueError:
        x = y = math.nan
    if not (math.isfinite(x) and math.isfinite(y)):
        raise FormatError(f"{where}: expected two numbers, not {reprlib.repr(' '.join(cells))}")
    if max(abs(x), abs(y)) > MAX_COORDINATE:
        raise FormatError(f"{where}: the coordinates {x:g}, {y:g} are too large")
    return x, y


def check_image_name(name: object, where: str) -> str:
    """Return the name of an image if it is text that can be a path.

    Raises:
        FormatError: If it is not.
    """
    if not isinstance(name, str) or not name:
        raise FormatError(f"{where}: the name of the image is missing, or not text")
    if "\0" in name:
        raise FormatError(f"{where}: the name of the image contains a null character")
    return name


def load_json(path: str | os.PathLike[str]) -> Any:
    """Load a JSON file; bytes that are not UTF-8 are kept, as in names of files.

    Raises:
        FormatError: If the file is not JSON.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            return json.load(file)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not JSON: {error}") from error
