from __future__ import annotations

import io
import os

import numpy as np
import pytest

from facelattice.exceptions import FormatError
from facelattice.formats import read_csv, write_csv


def test_round_trip(tmp_path):
    rows = [
        ("a.jpg", np.array([[1, 2.5], [3.0004, -4]]), np.array([True, True])),
        ("folder, with comma/ä.jpg", np.array([[np.nan, np.nan], [7, 8]]), np.array([False, True])),
    ]
    stream = io.StringIO()
    write_csv(stream, rows)
    assert stream.getvalue() == (
        'image,x0,y0,x1,y1\na.jpg,1.000,2.500,3.000,-4.000\n"folder, with comma/ä.jpg",,,7.000,8.000\n'
    )
    write_csv(tmp_path / "a.csv", rows)
    assert (tmp_path / "a.csv").read_bytes() == stream.getvalue().encode()
    for written, read in zip(rows, read_csv(tmp_path / "a.csv"), strict=True):
        assert read[0] == written[0]
        assert read[1].dtype == np.float32
        np.testing.assert_allclose(read[1], written[1], atol=1e-3)
        assert read[2].tolist() == written[2].tolist()


def test_names_that_are_not_utf8_are_kept(tmp_path):
    name = os.fsdecode(b"\xff.jpg")
    write_csv(tmp_path / "a.csv", [(name, np.zeros((1, 2)), np.ones(1, bool))])
    assert (tmp_path / "a.csv").read_bytes() == b"image,x0,y0\n\xff.jpg,0.000,0.000\n"
    assert read_csv(tmp_path / "a.csv")[0][0] == name


def test_two_schemes_in_one_table_are_rejected(tmp_path):
    rows = [("a.jpg", np.zeros((n, 2)), np.ones(n, bool)) for n in (2, 3)]
    with pytest.raises(FormatError, match=r"a\.jpg: 3 points, but the rows before have 2"):
        write_csv(tmp_path / "a.csv", rows)
    assert os.listdir(tmp_path) == []
