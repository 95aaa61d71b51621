"""The process that parses MATLAB files for `matlab`. It may crash or reach its memory limit.

It imports no other module of this package, so that it starts quickly. It reads {"paths": [...], "names": [...]} from
standard input. For file number i it writes the arrays to i.npy, one after another, and to i.json either {"values":
[...]}, with a list for a cell array, a text, or null for the next array; or {"error": message}.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import IO, Any

import numpy as np

MEMORY = 512 * 2**20  # bytes, in addition to those of the process itself
MEMORY_PER_BYTE = 20  # of the file; the compression of photos is lower


class UnreadableError(Exception):
    """The file cannot be read; the message is shown to the user."""


def main() -> None:
    """Parse the files of the request."""
    request = json.load(sys.stdin)
    names, paths = request["names"], request["paths"]
    for library in {"h5py" if _is_hdf5(path) else "scipy.io" for path in paths}:
        importlib.import_module(library)  # before the memory is limited
    num_bytes = MEMORY + MEMORY_PER_BYTE * sum(map(os.path.getsize, paths))
    _limit_memory(num_bytes)
    for i, path in enumerate(paths):
        result: dict[str, Any]
        read = _read_hdf5 if _is_hdf5(path) else _read_older
        try:
            with open(f"{i}.npy", "wb") as file:
                result = {"values": read(path, names, num_bytes, file)}
        except UnreadableError as error:
            result = {"error": str(error)}
        except Exception as error:  # the exceptions of these parsers for damaged files are not documented
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            result = {"error": f"not a MATLAB file that can be read ({reason})"}
        with open(f"{i}.json", "w", encoding="utf-8") as file:
            json.dump(result, file)


def _is_hdf5(path: str) -> bool:
    """Return whether a file has the signature of HDF5, at its start or after a header."""
    with open(path, "rb") as file:
        for offset in (0, 512, 1024, 2048):
            file.seek(offset)
            if file.read(8) == b"\x89HDF\r\n\x1a\n":
                return True
    return False


def _limit_memory(num_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, num_bytes))
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            own = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (own + num_bytes, own + num_bytes))
    except (OSError, ValueError):  # not Linux, or a lower limit holds already
        pass


def _read_hdf5(path: str, names: list[str], num_bytes: int, out: IO[bytes]) -> list[Any]:
    import h5py

    def convert(dataset: Any) -> Any:
        """Convert a dataset as MATLAB writes it: axes reversed, cells as references, text as character codes."""
        if not isinstance(dataset, h5py.Dataset):
            raise UnreadableError(f"the variable {dataset.name} is not an array")
        if dataset.external or dataset.is_virtual:
            raise UnreadableError(f"the variable {dataset.name} is stored in another file, which is not read")
        if dataset.nbytes > num_bytes:
            raise UnreadableError(
                f"the variable {dataset.name} has {dataset.nbytes} bytes, more than the file can contain"
            )
        if h5py.check_ref_dtype(dataset.dtype) is not None:
            return [convert(file[reference]) for reference in np.asarray(dataset).T.ravel(order="F")]
        if dataset.attrs.get("MATLAB_class") == b"char":
            return "".join(map(chr, np.asarray(dataset).T.ravel()))
        return _store(np.asarray(dataset).T, out)

    with h5py.File(path, "r") as file:
        for name in names:
            if name not in file:
                raise UnreadableError(_missing(name, [key for key in file if not key.startswith("#")]))
            if not isinstance(file.get(name, getlink=True), h5py.HardLink):
                raise UnreadableError(f"the variable {name} is a link, which is not followed")
        return [convert(file[name]) for name in names]


def _read_older(path: str, names: list[str], _num_bytes: int, out: IO[bytes]) -> list[Any]:
    import scipy.io

    def convert(value: np.ndarray) -> Any:
        """Convert arrays of objects to lists, and arrays of one text to a text."""
        if value.dtype == object:
            return [convert(np.asarray(item)) for item in value.ravel(order="F")]
        return str(value.ravel()[0]) if value.dtype.kind == "U" and value.size == 1 else _store(value, out)

    content = scipy.io.loadmat(path, variable_names=names)
    for name in names:
        if name not in content:
            raise UnreadableError(_missing(name, [found for found, _, _ in scipy.io.whosmat(path)]))
    return [convert(content[name]) for name in names]


def _store(array: np.ndarray, out: IO[bytes]) -> None:
    np.save(out, array, allow_pickle=False)


def _missing(name: str, found: list[str]) -> str:
    return f"there is no variable {name}; found {', '.join(found) or 'nothing'}"


if __name__ == "__main__":
    main()
