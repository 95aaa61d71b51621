"""MATLAB files: variables by name. Version 7.3 is HDF5, read by h5py; SciPy reads the older versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from facelattice.exceptions import DataError, MissingDependencyError


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
    h5py, loadmat = _import_libraries(path)
    try:
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                return [_from_hdf5(file, file[_check_name(path, name, file)], h5py) for name in names]
        content = loadmat(path)
        return [_from_scipy(content[_check_name(path, name, content)]) for name in names]
    except DataError:
        raise
    except Exception as error:  # it is not documented what these parsers raise for damaged files
        raise DataError(f"{path}: not a MATLAB file that can be read ({type(error).__name__}: {error})") from error


def _import_libraries(path: Path) -> tuple[Any, Callable[[Path], dict[str, Any]]]:
    try:
        import h5py
        from scipy.io import loadmat
    except ImportError as error:
        raise MissingDependencyError(
            f'{path}: reading it needs h5py and SciPy; run: pip install "facelattice[evaluate]"'
        ) from error
    return h5py, loadmat


def _check_name(path: Path, name: str, content: Any) -> str:
    if name not in content:
        found = ", ".join(key for key in content if not key.startswith(("__", "#"))) or "nothing"
        raise DataError(f"{path}: there is no variable {name}; found {found}")
    return name


def _from_hdf5(file: Any, dataset: Any, h5py: Any) -> Any:
    """Convert HDF5 as MATLAB writes it: axes reversed, cells as references, text as character codes."""
    if h5py.check_ref_dtype(dataset.dtype) is not None:
        return [_from_hdf5(file, file[reference], h5py) for reference in np.asarray(dataset).T.ravel(order="F")]
    if dataset.attrs.get("MATLAB_class") == b"char":
        return "".join(map(chr, np.asarray(dataset).T.ravel()))
    return np.asarray(dataset).T


def _from_scipy(value: np.ndarray) -> Any:
    """Convert arrays of objects to lists, and arrays of one text to a str."""
    if value.dtype == object:
        return [_from_scipy(np.asarray(item)) for item in value.ravel(order="F")]
    return str(value.ravel()[0]) if value.dtype.kind == "U" and value.size == 1 else value
