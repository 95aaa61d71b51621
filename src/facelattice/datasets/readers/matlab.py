"""MATLAB files: arrays by their names, whichever version wrote them. Version 7.3 is HDF5; SciPy reads the older."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from facelattice.exceptions import DataError


def load(path: Path, *names: str) -> list[Any]:
    """The variables as MATLAB has them, rows first: arrays, or lists of arrays for cells; a text is a str.

    Raises DataError where the file cannot be read, or has not all of them.
    """
    h5py, loadmat = _libraries(path)
    try:
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                return [_value(file, file[_known(path, name, file)], h5py) for name in names]
        content = loadmat(path)
        return [_cell(content[_known(path, name, content)]) for name in names]
    except DataError:
        raise
    except Exception as error:  # what these parsers raise on broken files is not written down anywhere
        raise DataError(f"{path}: not a MATLAB file that can be read ({type(error).__name__}: {error})") from error


def _libraries(path: Path) -> tuple[Any, Callable[[Path], dict[str, Any]]]:
    try:
        import h5py
        from scipy.io import loadmat
    except ImportError as error:
        raise ImportError(f"{path}: reading it needs h5py and SciPy: pip install 'facelattice[evaluate]'") from error
    return h5py, loadmat


def _known(path: Path, name: str, content: Any) -> str:
    if name not in content:
        found = ", ".join(key for key in content if not key.startswith(("__", "#"))) or "nothing"
        raise DataError(f"{path}: it has no {name}; found {found}")
    return name


def _value(file: Any, dataset: Any, h5py: Any) -> Any:
    """HDF5 as MATLAB writes it: axes in the other order, cells as references, text as numbers of characters."""
    if h5py.check_ref_dtype(dataset.dtype) is not None:
        return [_value(file, file[reference], h5py) for reference in np.asarray(dataset).T.ravel(order="F")]
    if dataset.attrs.get("MATLAB_class") == b"char":
        return "".join(map(chr, np.asarray(dataset).T.ravel()))
    return np.asarray(dataset).T


def _cell(value: np.ndarray) -> Any:
    """SciPy's arrays of objects as lists, and arrays of one text as that."""
    if value.dtype == object:
        return [_cell(np.asarray(item)) for item in value.ravel(order="F")]
    return str(value.ravel()[0]) if value.dtype.kind == "U" and value.size == 1 else value
