from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from facelattice.datasets.readers import matlab
from facelattice.exceptions import DataError


def write_hdf5(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["x"] = np.array([[1, 2], [3, 4], [5, 6]])
        text = file.create_dataset("text", data=np.array([[97], [98]], np.uint16))
        text.attrs["MATLAB_class"] = np.bytes_("char")
        cell = file.create_dataset("cell", (1, 2), dtype=h5py.ref_dtype)
        cell[0, :] = [file["x"].ref, text.ref]
    return path


def write_older(path: Path) -> Path:
    cell = np.empty((1, 2), object)
    cell[0, :] = [np.array([[1, 3, 5], [2, 4, 6]]), "ab"]
    scipy.io.savemat(path, {"x": cell[0, 0], "text": "ab", "cell": cell})
    return path


@pytest.mark.parametrize("write", [write_hdf5, write_older])
def test_both_versions_give_the_same_values(tmp_path, write):
    x, text, cell = matlab.load(write(tmp_path / "a.mat"), "x", "text", "cell")
    assert x.tolist() == [[1, 3, 5], [2, 4, 6]]
    assert text == cell[1] == "ab"
    assert cell[0].tolist() == x.tolist()


def test_several_files_are_read_and_a_damaged_one_is_named(tmp_path):
    paths = [write_older(tmp_path / "a.mat"), write_hdf5(tmp_path / "b.mat")]
    assert [values[0] for values in matlab.load_all(paths, "text")] == ["ab", "ab"]
    (tmp_path / "b.mat").write_bytes(b"MATLAB 5.0" + bytes(500))
    with pytest.raises(DataError, match=r"b\.mat: not a MATLAB file that can be read"):
        matlab.load_all(paths, "text")


@pytest.mark.parametrize("write", [write_hdf5, write_older])
def test_missing_variable_is_named_with_those_found(tmp_path, write):
    with pytest.raises(DataError, match=r"there is no variable y; found (x, text, cell|cell, text, x)"):
        matlab.load(write(tmp_path / "a.mat"), "y")


def test_crash_of_the_parser_is_an_error(tmp_path):
    """SciPy does not check the data type of an array: it reads foreign memory, and mostly ends the process."""
    scipy.io.savemat(tmp_path / "a.mat", {"x": np.zeros((4, 5), np.uint8)})
    data = bytearray((tmp_path / "a.mat").read_bytes())
    assert data[176:180] == b"\2\0\0\0"
    data[176:180] = (11264).to_bytes(4, "little")
    (tmp_path / "a.mat").write_bytes(data)
    with pytest.raises(
        DataError, match=r"a\.mat: not a MATLAB file that can be read \((the parser crashed|ZeroDivisionError)"
    ):
        matlab.load(tmp_path / "a.mat", "x")


def test_a_few_bytes_that_stand_for_gigabytes_are_rejected(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("x", shape=(2**30,), dtype="f8", chunks=(2**16,), compression="gzip")
    with pytest.raises(DataError, match="has 8589934592 bytes, more than the file can contain"):
        matlab.load(tmp_path / "a.mat", "x")


def test_other_files_are_not_followed(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(80))
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("x", (10,), dtype="f8", external=[(str(tmp_path / "secret"), 0, 80)])
        file["y"] = h5py.ExternalLink(write_hdf5(tmp_path / "b.mat"), "x")
    with pytest.raises(DataError, match="/x is stored in another file, which is not read"):
        matlab.load(tmp_path / "a.mat", "x")
    with pytest.raises(DataError, match="y is a link, which is not followed"):
        matlab.load(tmp_path / "a.mat", "y")


@pytest.mark.parametrize(
    ("value", "message"),
    [("text", "x is not an array of numbers"), (np.ones((3, 1)), r"x has the shape \(3, 1\); expected \(1, 3\)")],
)
def test_wrong_numbers_are_rejected(value, message):
    with pytest.raises(DataError, match=message):
        matlab.to_numbers(value, (1, 3), "x")
