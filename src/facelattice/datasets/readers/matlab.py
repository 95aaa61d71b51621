"""MATLAB files: variables by name. Version 7.3 is HDF5, read by h5py; SciPy reads the older versions.

Both parsers can crash on damaged files, so they run in a process of their own with limited memory (`matlab_process`).
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from facelattice.datasets.readers import matlab_process
from facelattice.exceptions import DataError, MissingDependencyError

SECONDS_PER_MB = 0.5  # time limit in addition to a minute; a typical speed is 50 MB/s


def load(path: Path, *names: str) -> list[Any]:
    """Load variables of a .mat file.

    Args:
        path: The file.
        names: The variables.

    Returns:
        One value for each name, with axes in MATLAB's order: an array, a list of values for a cell array, or a str.

    Raises:
        DataError: If the file cannot be read, or a variable is missing.
        MissingDependencyError: If SciPy or h5py is not installed.
    """
    return load_all([path], *names)[0]


def load_all(paths: Sequence[Path], *names: str) -> list[list[Any]]:
    """Load the same variables of several .mat files, see `load`."""
    missing = [package for package in ("h5py", "scipy") if importlib.util.find_spec(package) is None]
    if missing:
        raise MissingDependencyError(
            f'{paths[0]}: reading it needs {" and ".join(missing)}; run: pip install "facelattice[evaluate]"'
        )
    num_bytes = sum(path.stat().st_size for path in paths)
    with tempfile.TemporaryDirectory(prefix="facelattice-") as folder:
        request = {"paths": [str(path.resolve()) for path in paths], "names": names}
        command = [sys.executable, "-c", "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"]
        # The working folder is empty, so that no file shadows a module. Packages are searched where this process does.
        search_path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [*command, os.path.abspath(matlab_process.__file__)],
                input=json.dumps(request).encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": search_path, "OPENBLAS_NUM_THREADS": "1"},
                timeout=60 + SECONDS_PER_MB * num_bytes / 1e6,
                check=False,
            )
        return [_load_result(Path(folder), i, path) for i, path in enumerate(paths)]


def to_numbers(value: Any, shape: tuple[int, ...], where: str) -> np.ndarray:
    """Check that a variable is an array of numbers of a shape.

    Args:
        value: The variable.
        shape: Expected shape. A vector may be a row or a column.
        where: File and variable, for the error.

    Returns:
        float64 array.

    Raises:
        DataError: If it is no array of numbers, or has another shape.
    """
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "buif":
        raise DataError(f"{where} is not an array of numbers")
    if len(shape) == 1:
        value = value.ravel()
    if value.shape != shape:
        raise DataError(f"{where} has the shape {value.shape}; expected {shape}")
    return value.astype(np.float64)


def _load_result(folder: Path, number: int, path: Path) -> list[Any]:
    try:
        result = json.loads((folder / f"{number}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        reason = "the parser crashed; the file may be truncated, copy it again"
        raise DataError(f"{path}: not a MATLAB file that can be read ({reason})") from None
    if "error" in result:
        raise DataError(f"{path}: {result['error']}")
    with open(folder / f"{number}.npy", "rb") as file:
        return [_restore(value, file) for value in result["values"]]


def _restore(value: Any, file: BufferedReader) -> Any:
    """Restore a value that `matlab_process` stored: a list, a text, or null for the next array of the file."""
    if isinstance(value, list):
        return [_restore(item, file) for item in value]
    return np.load(file, allow_pickle=False) if value is None else value
