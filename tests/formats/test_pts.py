from __future__ import annotations

import os

import numpy as np
import pytest

from facelattice.exceptions import FormatError
from facelattice.formats import read_pts, write_pts


def test_points_count_from_one_in_the_file_and_from_zero_in_memory(tmp_path):
    file = tmp_path / "a.pts"
    write_pts(file, np.array([[0, 0.5], [-2.25, 1023]]))
    assert file.read_text(encoding="utf-8") == "version: 1\nn_points: 2\n{\n1.0000 1.5000\n-1.2500 1024.0000\n}\n"
    points = read_pts(file)
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points, np.array([[0, 0.5], [-2.25, 1023]], np.float32))


def test_round_trip(tmp_path):
    points = np.random.default_rng(0).uniform(-50, 1500, (98, 2)).astype(np.float32)
    write_pts(tmp_path / "a.pts", points)
    np.testing.assert_allclose(read_pts(tmp_path / "a.pts"), points, rtol=0, atol=1.5e-4)


def test_blank_lines_windows_line_ends_and_tabs_are_read(tmp_path):
    file = tmp_path / "a.pts"
    file.write_bytes(b"\xef\xbb\xbfversion : 1\r\nn_points :  2\r\n\r\n{\r\n 1\t2 \r\n\r\n3.5   4e0\r\n}\r\n\r\n")
    np.testing.assert_array_equal(read_pts(file), np.array([[0, 1], [2.5, 3]], np.float32))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 0: the file ends before"),
        ("version: 1\nn_points: 2\n{\n1 2\n3 4\n", "line 5: the file ends before its closing '}'"),
        ("version: 1\nn_points: 3\n{\n1 2\n3 4\n}\n", "n_points is 3, but there are 2"),
        ("version: 1\nn_points: two\n{\n", "line 2: n_points must be a whole number, not 'two'"),
        (f"n_points: {'9' * 5000}\n{{\n", "line 1: n_points must be a whole number, not '999"),
        ("version: 1\n{\n1 2\n}\n", "line 2: expected 'n_points: N'"),
        ("n_points: 1\n{\n1 x\n}\n", "line 3: expected two numbers, not '1 x'"),
        ("n_points: 1\n{\n1 nan\n}\n", "line 3: expected two numbers, not '1 nan'"),
        ("n_points: 1\n{\n1 2 3\n}\n", "line 3: expected two numbers, not '1 2 3'"),
        ("n_points: 1\n{\n1 2\n}\n5 6\n", "line 5: expected nothing after '}'"),
        ("\xff\xd8 binary", "line 1: expected 'n_points: N'"),
    ],
)
def test_error_names_file_and_line(tmp_path, text, message):
    file = tmp_path / "wrong.pts"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(FormatError, match=r"wrong\.pts") as caught:
        read_pts(file)
    assert message in str(caught.value)


def test_missing_points_cannot_be_written(tmp_path):
    with pytest.raises(FormatError, match=r"a\.pts: .*use CSV for faces with missing points"):
        write_pts(tmp_path / "a.pts", np.array([[1, np.nan]]))
    assert os.listdir(tmp_path) == []


@pytest.mark.data
def test_file_of_300w(shared_data):
    points = read_pts(shared_data / "300W/afw/134212_1.pts")
    assert points.shape == (68, 2)
    np.testing.assert_allclose(points[0], [135.7022, 172.7201], atol=1e-4)
