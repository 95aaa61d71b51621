import csv
import io
import json
import os

import numpy as np
import pytest

from facelattice.face import Face
from facelattice.formats import (
    atomic_write,
    read_csv,
    read_pts,
    save_faces,
    write_csv,
    write_json,
    write_pts,
)
from facelattice.schemes import get_scheme, mean_shape


def face(name="five", scale=100.0, score=0.9) -> Face:
    scheme = get_scheme(name)
    points = mean_shape(scheme) * scale - 3.125
    box = np.concatenate([points.min(0), points.max(0)])
    return Face(points, np.full(len(points), 1.5, np.float32), score, box, scheme)


# --- atomic_write


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path, error):
    file = tmp_path / "a.txt"
    file.write_text("old")

    def write():
        with atomic_write(file) as out:
            out.write("half")
            out.flush()
            assert file.read_text() == "old"
            raise error

    with pytest.raises(error):
        write()
    assert os.listdir(tmp_path) == ["a.txt"]
    assert file.read_text() == "old"


def test_text_and_bytes_into_a_new_folder(tmp_path):
    with atomic_write(tmp_path / "new" / "a.txt") as out:
        out.write("ä\n")
    with atomic_write(tmp_path / "new" / "b.bin", "wb") as out:
        out.write(b"\x00\r\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"\xc3\xa4\n"
    assert (tmp_path / "new" / "b.bin").read_bytes() == b"\x00\r\n"
    assert sorted(os.listdir(tmp_path / "new")) == ["a.txt", "b.bin"]


def test_the_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    with atomic_write(tmp_path / "ours"):
        pass
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


# --- .pts


def test_pts_counts_from_one_in_the_file_and_from_zero_in_memory(tmp_path):
    file = tmp_path / "a.pts"
    write_pts(file, np.array([[0, 0.5], [-2.25, 1023]]))
    assert file.read_text() == "version: 1\nn_points: 2\n{\n1.0000 1.5000\n-1.2500 1024.0000\n}\n"
    points = read_pts(file)
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points, np.array([[0, 0.5], [-2.25, 1023]], np.float32))


def test_pts_round_trip(tmp_path):
    points = np.random.default_rng(0).uniform(-50, 1500, (98, 2)).astype(np.float32)
    write_pts(tmp_path / "a.pts", points)
    np.testing.assert_allclose(read_pts(tmp_path / "a.pts"), points, rtol=0, atol=1.5e-4)


def test_pts_with_blank_lines_windows_ends_and_other_spaces(tmp_path):
    file = tmp_path / "a.pts"
    file.write_bytes(b"\xef\xbb\xbfversion: 1\r\nn_points:  2\r\n\r\n{\r\n 1\t2 \r\n\r\n3.5   4e0\r\n}\r\n\r\n")
    np.testing.assert_array_equal(read_pts(file), np.array([[0, 1], [2.5, 3]], np.float32))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 0: the file ends before"),
        ("version: 1\nn_points: 2\n{\n1 2\n3 4\n", "line 5: the file ends before its closing '}'"),
        ("version: 1\nn_points: 3\n{\n1 2\n3 4\n}\n", "n_points says 3, but there are 2"),
        ("version: 1\nn_points: two\n{\n", "line 2: n_points must be a whole number, not 'two'"),
        ("version: 1\n{\n1 2\n}\n", "line 2: expected 'n_points: N'"),
        ("n_points: 1\n{\n1 x\n}\n", "line 3: expected two numbers, not '1 x'"),
        ("n_points: 1\n{\n1 nan\n}\n", "line 3: expected two numbers, not '1 nan'"),
        ("n_points: 1\n{\n1 2 3\n}\n", "line 3: expected two numbers, not '1 2 3'"),
        ("n_points: 1\n{\n1 2\n}\n5 6\n", "line 5: expected nothing after '}'"),
        ("\xff\xd8 no text at all", "line 1: expected 'n_points: N'"),
    ],
)
def test_wrong_pts_names_file_and_line(tmp_path, text, message):
    file = tmp_path / "wrong.pts"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"wrong\.pts") as caught:
        read_pts(file)
    assert message in str(caught.value)


def test_pts_cannot_leave_points_out(tmp_path):
    with pytest.raises(ValueError, match="use CSV where points are missing"):
        write_pts(tmp_path / "a.pts", np.array([[1, np.nan]]))
    assert os.listdir(tmp_path) == []


def test_real_pts(shared_data):
    points = read_pts(shared_data / "300W/afw/134212_1.pts")
    assert points.shape == (68, 2)
    np.testing.assert_allclose(points[0], [135.7022, 172.7201], atol=1e-4)


# --- CSV


def test_csv_as_text(tmp_path):
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


def test_csv_with_names_that_are_not_utf8(tmp_path):
    name = os.fsdecode(b"\xff.jpg")
    write_csv(tmp_path / "a.csv", [(name, np.zeros((1, 2)), np.ones(1, bool))])
    assert (tmp_path / "a.csv").read_bytes() == b"image,x0,y0\n\xff.jpg,0.000,0.000\n"
    assert read_csv(tmp_path / "a.csv")[0][0] == name


def test_csv_columns_in_any_order_nan_and_blank_lines(tmp_path):
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
        ("image,x0,y0,x0,y0\n", "line 1: the column 'x0' stands twice"),
        ("image,x0,y0,age\n", "line 1: unknown column 'age'"),
        ("image,x0,y0\na.jpg,1,2\nb.jpg,1\n", "line 3: 2 columns, but the header has 3"),
        ("image,x0,y0\na.jpg,1,two\n", "line 2, point 0: expected two numbers, not '1 two'"),
        ("image,x0,y0\na.jpg,1,inf\n", "line 2, point 0: expected two numbers"),
        ("image,x0,y0\na.jpg,1,\n", "line 2: x0 is '1' and y0 is ''"),
        ("image,x0,y0\n,1,2\n", "line 2: no image is named"),
    ],
)
def test_wrong_csv_names_file_and_line(tmp_path, text, message):
    file = tmp_path / "wrong.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"wrong\.csv") as caught:
        read_csv(file)
    assert message in str(caught.value)


def test_csv_of_two_schemes_is_refused_and_not_half_written(tmp_path):
    rows = [("a.jpg", np.zeros((n, 2)), np.ones(n, bool)) for n in (2, 3)]
    with pytest.raises(ValueError, match=r"a\.jpg: 3 points, but the rows before have 2"):
        write_csv(tmp_path / "a.csv", rows)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "rows", "points"), [("youtube-faces/test.csv", 264, 68), ("mtfl5/points.csv", 7146, 5)]
)
def test_real_csv(shared_data, name, rows, points):
    read = read_csv(shared_data / name)
    assert len(read) == rows
    assert {p.shape for _, p, _ in read} == {(points, 2)}
    assert all(mask.all() for _, _, mask in read)


# --- what the command line writes


def test_json(tmp_path):
    one = face()
    write_json(tmp_path / "a.json", "a.jpg", [one, one])
    data = json.loads((tmp_path / "a.json").read_text())
    assert data == {"image": "a.jpg", "faces": [one.to_dict(), one.to_dict()]}


def test_save_faces_as_json(tmp_path):
    results = iter([(tmp_path / "in/a.jpg", [face()]), (tmp_path / "in/b.jpg", [])])
    written = save_faces(results, tmp_path / "out", "json")
    assert written == [tmp_path / "out/a.json", tmp_path / "out/b.json"]
    assert json.loads(written[0].read_text()) == {"image": "../in/a.jpg", "faces": [face().to_dict()]}
    assert json.loads(written[1].read_text()) == {"image": "../in/b.jpg", "faces": []}


def test_save_faces_as_pts(tmp_path):
    written = save_faces([("a.jpg", [face("ibug68"), face("ibug68", 50)]), ("b.jpg", [])], tmp_path, "pts")
    assert written == [tmp_path / "a_0.pts", tmp_path / "a_1.pts"]
    np.testing.assert_allclose(read_pts(written[1]), face("ibug68", 50).points, atol=1e-4)


def test_save_faces_as_csv_can_be_trained_from(tmp_path):
    results = [(tmp_path / "in/a.jpg", [face(), face(scale=50, score=0.25)]), (tmp_path / "b.jpg", [])]
    assert save_faces(results, tmp_path / "out", "csv") == [tmp_path / "out/landmarks.csv"]
    table = list(csv.DictReader(io.StringIO((tmp_path / "out/landmarks.csv").read_text())))
    assert [(row["image"], row["face"], row["score"]) for row in table] == [
        ("../in/a.jpg", "0", "0.9000"),
        ("../in/a.jpg", "1", "0.2500"),
    ]
    (image, points, mask), (_, other, _) = read_csv(tmp_path / "out/landmarks.csv")
    assert (tmp_path / "out" / image).resolve() == tmp_path / "in/a.jpg"
    assert mask.all()
    np.testing.assert_allclose(points, face().points, atol=6e-4)
    np.testing.assert_allclose(other, face(scale=50).points, atol=6e-4)


def test_pictures_of_one_name_do_not_overwrite_each_other(tmp_path):
    results = [("x/a.jpg", []), ("y/a.jpg", []), ("y/A.png", []), ("a-2.jpg", [])]
    written = save_faces(results, tmp_path, "json")
    assert [path.name for path in written] == ["a.json", "a-2.json", "A-3.json", "a-2-2.json"]
    assert json.loads(written[1].read_text())["image"].endswith("y/a.jpg")


def test_pictures_done_before_an_error_are_kept_whole(tmp_path):
    def results():
        yield "a.jpg", [face()]
        raise KeyboardInterrupt

    for kind, files in (("json", ["a.json"]), ("pts", ["a_0.pts"]), ("csv", [])):
        with pytest.raises(KeyboardInterrupt):
            save_faces(results(), tmp_path / kind, kind)
        assert os.listdir(tmp_path / kind) == files


def test_unknown_format_before_any_work(tmp_path):
    def results():
        raise AssertionError("nothing should be asked for")
        yield

    with pytest.raises(ValueError, match="unknown format 'xml'; known are json, pts, csv"):
        save_faces(results(), tmp_path, "xml")
