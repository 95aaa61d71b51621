from __future__ import annotations

import numpy as np
import pytest

from facelattice.annotate.table import FaceAnnotation, header, image_rows, read_table, row_version
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.exceptions import DataError
from facelattice.schemes import Scheme

SCHEME = Scheme.from_dict({"name": "three", "points": ["a", "b", "c"]})


def face(*points, hidden=(False, False, False)) -> FaceAnnotation:
    return FaceAnnotation(np.array(points, np.float32), np.array(hidden))


def test_rows_state_absent_and_hidden_points():
    rows = image_rows("a,b.jpg", [face((1, 2), (np.nan, np.nan), (5, 6.25), hidden=(True, False, False))], True, 3)
    assert header(3) + rows == ('image,x0,y0,x1,y1,x2,y2,visibility,done\n"a,b.jpg",1.000,2.000,,,5.000,6.250,120,1\n')
    assert row_version(rows) == "48b3cad10c29eda9"


def test_a_table_is_read_as_it_was_written(tmp_path):
    two = [face((1, 2), (3, 4), (5, 6), hidden=(False, True, False)), face((0, 0), (9, 9), (1, 5))]
    faces = {"one.jpg": (two, False), "none.jpg": ([], True)}
    text = header(3) + "".join(image_rows(name, some, done, 3) for name, (some, done) in faces.items())
    (tmp_path / "points.csv").write_text(text, encoding="utf-8")
    read = read_table(tmp_path / "points.csv", SCHEME)
    assert [(name, len(some), done) for name, (some, done) in read.items()] == [
        ("one.jpg", 2, False), ("none.jpg", 0, True)
    ]  # fmt: skip
    assert read["one.jpg"][0][0].hidden.tolist() == [False, True, False]
    again = "".join(image_rows(name, some, done, 3) for name, (some, done) in read.items())
    assert header(3) + again == text


def test_training_reads_only_what_is_done(tmp_path, faces):
    rows = [
        image_rows(str(faces / "face00.png"), [face((1, 2), (3, 4), (np.nan, np.nan))], True, 3),
        image_rows(str(faces / "face01.png"), [face((1, 2), (3, 4), (5, 6))], False, 3),
        image_rows(str(faces / "face02.png"), [], True, 3),
    ]
    (tmp_path / "points.csv").write_text(header(3) + "".join(rows), encoding="utf-8")
    (sample,) = read_samples(tmp_path / "points.csv", scheme=SCHEME)
    assert sample.path == faces / "face00.png"
    assert sample.mask.tolist() == [True, True, False]


def test_a_table_of_another_scheme_is_rejected(tmp_path):
    (tmp_path / "points.csv").write_text("image,x0,y0,x1,y1,visibility,done\na.jpg,1,2,3,4,00,1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"points.csv: its faces have 2 points, but three has 3; give another table"):
        read_table(tmp_path / "points.csv", SCHEME)
