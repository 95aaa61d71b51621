from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facelattice.exceptions import FormatError
from facelattice.formats import read_csv
from facelattice.formats.csv_reader import read_csv_file


def write_table(folder: Path, text: str) -> Path:
    (folder / "a.csv").write_text(text, encoding="utf-8")
    return folder / "a.csv"


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
    "header", ["eye_x,eye_y,nose_x,nose_y", "nose.x,nose.y,eye.x,eye.y", "eye-X,eye-Y,nose-X,nose-Y"]
)
def test_columns_may_have_the_names_of_points(tmp_path, header):
    file = read_csv_file(write_table(tmp_path, f"image,{header}\na.jpg,1,2,3,4\n"))
    assert file.names == (("nose", "eye") if header.startswith("nose") else ("eye", "nose"))
    assert file.faces[0].points.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("sizes", ["bbox_w,bbox_h", "width,height"])
def test_columns_of_a_box_are_not_a_point(tmp_path, caplog, sizes):
    header = f"image,bbox_x,bbox_y,{sizes},eye_x,eye_y,nose_x,nose_y"
    file = read_csv_file(write_table(tmp_path, f"{header}\na.jpg,0,0,9,9,1,2,3,4\n"))
    assert file.names == ("eye", "nose")
    assert "ignored columns: 'bbox_x', 'bbox_y', {}, {}".format(*map(repr, sizes.split(","))) in caplog.text


def test_other_columns_are_ignored_with_one_warning(tmp_path, caplog):
    ((_, points, _),) = read_csv(write_table(tmp_path, "image,age,x_0,y_0,face,score,,pose\na.jpg,7,1,2,0,0.5,,left\n"))
    assert points.tolist() == [[1, 2]]
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'a.csv'}: ignored columns: 'age', 'pose'"
    ]


def test_visibility_has_a_digit_for_each_point(tmp_path):
    rows = "a.jpg,1,2,3,4,,,012\nb.jpg,1,2,3,4,5,6,\nc.jpg,1,2,3,4,,,0--\n"
    first, second, third = read_csv_file(write_table(tmp_path, f"image,x0,y0,x1,y1,x2,y2,visibility\n{rows}")).faces
    assert first.visible.tolist() == [True, False, False]
    assert first.hidden.tolist() == [False, True, True]
    assert first.mask.tolist() == [True, True, False]
    assert not second.visible.any()
    assert not second.hidden.any()
    assert (third.visible.tolist(), third.hidden.any()) == ([True, False, False], False)


def test_twenty_thousand_points(tmp_path):
    """The time grows with the number of columns, not with its square."""
    columns = ",".join(f"x{i},y{i}" for i in range(20_000))
    cells = ",".join(["1"] * 40_000)
    ((_, points, _),) = read_csv(write_table(tmp_path, f"image,{columns}\na.jpg,{cells}\n"))
    assert points.shape == (20_000, 2)


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
        ("image,x0,y0\na.jpg,1,2\nb.jpg,1\n", "line 3: 2 columns, but the header has 3"),
        ("image,x0,y0\na.jpg,1,two\n", "line 2, x0 and y0: expected two numbers, not '1 two'"),
        ("image,x0,y0\na.jpg,1,inf\n", "line 2, x0 and y0: expected two numbers"),
        ("image,x0,y0\na.jpg,1_0,5\n", "line 2, x0 and y0: expected two numbers, not '1_0 5'"),
        ("image,x0,y0\na.jpg,1,\n", "line 2: x0 is '1' and y0 is ''"),
        ("image,x0,y0\n,1,2\n", "line 2: the name of the image is missing"),
        (f"image,x0,y0\n{'x' * 200_000},1,2\n", "line 2: field larger than field limit"),
        ("image,x0,y0\na.jpg,1e12,2\n", "line 2, x0 and y0: the coordinates 1e+12, 2 are too large"),
        ("image,x0,y0,visibility\na.jpg,1,2,01\n", "line 2: visibility must have 1 digits 0, 1, 2 or -, not '01'"),
        ("image,x0,y0,visibility\na.jpg,1,2,3\n", "line 2: visibility must have 1 digits 0, 1, 2 or -, not '3'"),
    ],
)
def test_error_names_file_and_line(tmp_path, text, message):
    file = tmp_path / "wrong.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=r"wrong\.csv") as caught:
        read_csv(file)
    assert message in str(caught.value)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "rows", "points"), [("youtube-faces/test.csv", 264, 68), ("mtfl5/points.csv", 7146, 5)]
)
def test_real_tables(shared_data, name, rows, points):
    read = read_csv(shared_data / name)
    assert len(read) == rows
    assert {p.shape for _, p, _ in read} == {(points, 2)}
    assert all(mask.all() for _, _, mask in read)
