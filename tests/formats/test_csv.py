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


def test_columns_in_any_order_nan_and_blank_lines_are_read(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(b"\xef\xbb\xbfscore, y0 ,x0,face,image,x1,y1\r\n0.5,2,1,0,a.jpg,NaN,nan\r\n\r\n,4,3,,b.jpg,, \r\n")
    (image, points, mask), (_, other, _) = read_csv(file)
    assert image == "a.jpg"
    assert points[0].tolist() == [1, 2]
    assert other[0].tolist() == [3, 4]
    assert np.isnan(points[1]).all()
    assert mask.tolist() == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the file is empty"),
        ("\n", "line 1: the file is empty"),
        ("image\n", "line 1: there are no points"),
        ("image;x0;y0\n", "line 1: the column 'image' is missing"),
        ("x0,y0\n1,2\n", "line 1: the column 'image' is missing"),
        ("image,x0,y0,x1\n", "line 1: the column 'y1' is missing"),
        ("image,x0,y0,x2,y2\n", "line 1: the column 'x1' is missing"),
        ("image,x0,y0,x0,y0\n", "line 1: the column 'x0' occurs twice"),
        ("image,x0,y0,age\n", "line 1: unknown column 'age'"),
        ("image,x0,y0\na.jpg,1,2\nb.jpg,1\n", "line 3: 2 columns, but the header has 3"),
        ("image,x0,y0\na.jpg,1,two\n", "line 2, point 0: expected two numbers, not '1 two'"),
        ("image,x0,y0\na.jpg,1,inf\n", "line 2, point 0: expected two numbers"),
        ("image,x0,y0\na.jpg,1,\n", "line 2: x0 is '1' and y0 is ''"),
        ("image,x0,y0\n,1,2\n", "line 2: the name of the image is missing"),
        (f"image,x0,y0\n{'x' * 200_000},1,2\n", "line 2: field larger than field limit"),
    ],
)
def test_error_names_file_and_line(tmp_path, text, message):
    file = tmp_path / "wrong.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=r"wrong\.csv") as caught:
        read_csv(file)
    assert message in str(caught.value)


def test_two_schemes_in_one_table_are_rejected(tmp_path):
    rows = [("a.jpg", np.zeros((n, 2)), np.ones(n, bool)) for n in (2, 3)]
    with pytest.raises(FormatError, match=r"a\.jpg: 3 points, but the rows before have 2"):
        write_csv(tmp_path / "a.csv", rows)
    assert os.listdir(tmp_path) == []


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "rows", "points"), [("youtube-faces/test.csv", 264, 68), ("mtfl5/points.csv", 7146, 5)]
)
def test_real_tables(shared_data, name, rows, points):
    read = read_csv(shared_data / name)
    assert len(read) == rows
    assert {p.shape for _, p, _ in read} == {(points, 2)}
    assert all(mask.all() for _, _, mask in read)
