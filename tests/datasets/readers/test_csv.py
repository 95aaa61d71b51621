from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from facelattice.datasets.readers import csv
from facelattice.exceptions import DataError, FormatError
from facelattice.schemes import Scheme, get_scheme


def scheme(num_points: int) -> Scheme:
    return Scheme.from_dict({"name": "mine", "points": num_points})


def write_table(folder: Path, text: str) -> Path:
    path = folder / "faces.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_table(tmp_path):
    rows = "sub/Ann_Lee_1.jpg,1,2,3.5,4,5,6\nsub/Ann_Lee_12.jpg,1,2,,,5,6\nBob.jpg,0,0,9,9,1,2\n"
    samples = csv.read(write_table(tmp_path, f"image,x0,y0,x1,y1,x2,y2\n{rows}"), scheme=scheme(3)).samples
    assert [s.path for s in samples] == [tmp_path / n for n in ("sub/Ann_Lee_1.jpg", "sub/Ann_Lee_12.jpg", "Bob.jpg")]
    assert samples[0].points.tolist() == [[1, 2], [3.5, 4], [5, 6]]
    assert samples[1].mask.tolist() == [True, False, True]
    assert np.isnan(samples[1].points[1]).all()
    assert samples[1].box.tolist() == [1, 2, 5, 6]
    assert samples[0].group == samples[1].group != samples[2].group


def test_columns_with_names_of_a_scheme(tmp_path):
    mine = Scheme.from_dict({"name": "mine", "points": ["eye", "nose"]})
    path = write_table(tmp_path, "image,nose_x,nose_y,eye_x,eye_y,visibility\na.jpg,1,2,3,4,01\n")
    (sample,) = csv.read(path, scheme=mine).samples
    assert sample.points.tolist() == [[3, 4], [1, 2]]
    assert (sample.visible.tolist(), sample.hidden.tolist()) == ([False, True], [True, False])


@pytest.mark.data
def test_real_visibility(shared_data):
    samples = csv.read(shared_data / "mtfl5" / "merlrav.csv").samples
    hidden = np.stack([sample.hidden for sample in samples])
    visible = np.stack([sample.visible for sample in samples])
    assert (hidden ^ visible).all()
    assert 0.05 < hidden.mean() < 0.5
    assert np.stack([sample.mask for sample in samples])[visible].all()


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("image,x0,y0,x1,y1\na.jpg,1,2,3\n", FormatError, r"faces\.csv, line 2: 4 columns, but the header has 5"),
        ("image,x0,y0,x1,y1\na,1,2,3,4\n\nb,1,2,3,q\n", FormatError, r"faces\.csv, line 4, x1 and y1: expected"),
        ("image,x0,y0,x1,y1\na,1,2,3,4\nb,1,2,,\n", DataError, r"faces\.csv, face 2 \(b\): fewer than two points"),
        ("image,x0,y0\na,1,2\n", DataError, r"faces\.csv, face 1 \(a\): 1 points, but the scheme mine has 2"),
    ],
)
def test_errors_name_the_place(tmp_path, text, error, message):
    with pytest.raises(error, match=message):
        csv.read(write_table(tmp_path, text), scheme=scheme(2))


def test_table_has_no_subsets(tmp_path):
    path = write_table(tmp_path, "image,x0,y0,x1,y1\na.jpg,1,2,3,4\n")
    with pytest.raises(DataError, match="a table has no subsets, so there is no 'train'"):
        csv.read(path, "train", scheme(2))


@pytest.mark.data
def test_real_tables(shared_data):
    frames = csv.read(shared_data / "youtube-faces" / "test.csv").samples
    assert (len(frames), frames[0].scheme) == (264, get_scheme("ibug68"))
    assert max(Counter(sample.group for sample in frames).values()) > 1  # frames of one person
    assert frames[0].path.exists()
    five = csv.read(shared_data / "mtfl5" / "points.csv").samples
    assert (len(five), five[0].scheme) == (7146, get_scheme("five"))
