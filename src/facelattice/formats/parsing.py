"""Text, numbers and JSON in files of annotations."""

from __future__ import annotations

import codecs
import io
import json
import math
import os
import reprlib
from collections.abc import Sequence
from typing import Any, TextIO

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
    numbers = [_parse(cell) for cell in cells]
    if len(numbers) != 2 or not all(map(math.isfinite, numbers)):
        raise FormatError(f"{where}: expected two numbers, not {reprlib.repr(' '.join(cells))}")
    x, y = numbers
    if max(abs(x), abs(y)) > MAX_COORDINATE:
        raise FormatError(f"{where}: the coordinates {x:g}, {y:g} are too large")
    return x, y


def parse_number(cell: str, where: str) -> float:
    """Parse a cell as a finite number.

    Raises:
        FormatError: If the cell is no finite number.
    """
    number = _parse(cell)
    if not math.isfinite(number):
        raise FormatError(f"{where}: expected a number, not {reprlib.repr(cell)}")
    return number


def _parse(cell: str) -> float:
    """Return the number of a cell; NaN if it is none."""
    try:
        return math.nan if "_" in cell else float(cell)  # float takes 1_000
    except ValueError:
        return math.nan


def check_numbers(values: Any, count: int, where: str) -> list[float]:
    """Return values of a JSON file if they are the expected number of finite numbers.

    Args:
        values: A list.
        count: Number of values.
        where: File and place, for the error.

    Raises:
        FormatError: If they are not, or if one is too large for a coordinate.
    """
    if isinstance(values, list) and len(values) == count:
        try:
            numbers = [float(value) for value in values if type(value) in (int, float)]  # not bool, which is an int
        except OverflowError:
            numbers = []
        if len(numbers) == count and all(abs(number) <= MAX_COORDINATE for number in numbers):
            return numbers
    raise FormatError(f"{where}: expected {count} numbers, not {reprlib.repr(values)}")


def check_image_name(name: object, where: str) -> str:
    """Return the name of an image.

    Raises:
        FormatError: If it is no text that can be a path.
    """
    if not isinstance(name, str) or not name:
        raise FormatError(f"{where}: the name of the image is missing, or not text")
    if "\0" in name:
        raise FormatError(f"{where}: the name of the image contains a null character")
    return name


def open_text(path: str | os.PathLike[str]) -> TextIO:
    """Open a text file in UTF-8, or in UTF-16 if it starts with its byte order mark.

    Some programs on Windows write UTF-16. Bytes that are not UTF-8 are kept, as in names of files.
    """
    file = open(path, "rb")  # noqa: SIM115
    if file.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return io.TextIOWrapper(file, encoding="utf-16", errors="replace", newline="")
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")


def load_json(path: str | os.PathLike[str]) -> Any:
    """Load a JSON file.

    Raises:
        FormatError: If the file is not JSON.
    """
    try:
        with open_text(path) as file:
            return json.load(file)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not JSON: {error}") from error
