import contextlib
import csv
import errno
import io
import json
import os
from dataclasses import replace

import cv2
import dlib
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from facelattice.face import Face
from facelattice.formats import (
    atomic_write,
    read_coco,
    read_csv,
    read_dlib_xml,
    read_json,
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


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as folder, atomic_write(tmp_path / "folder"):
        pytest.fail("it is refused before the work and not after it")
    with pytest.raises(OSError, match="No space left") as full, atomic_write(tmp_path / "a.txt"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileNotFoundError) as other, atomic_write(tmp_path / "a.txt"):
        open(tmp_path / "not there").close()
    with pytest.raises(OSError, match=r"^a reason$"), atomic_write(tmp_path / "a.txt"):
        raise OSError("a reason")
    names = [str(caught.value.filename) for caught in (folder, full, other)]
    assert names == [str(tmp_path / name) for name in ("folder", "a.txt", "not there")]
    assert str(full.value) == f"[Errno {errno.ENOSPC}] No space left on device: '{tmp_path / 'a.txt'}'"


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


def test_json_round_trip(tmp_path):
    one = face()
    write_json(tmp_path / "a.json", "a.jpg", [one, face(scale=50)])
    (image, points, mask, errors), (_, other, _, _) = read_json(tmp_path / "a.json")
    assert (image, mask.all()) == ("a.jpg", True)
    np.testing.assert_allclose(points, one.points, atol=6e-3)
    np.testing.assert_allclose(other, face(scale=50).points, atol=6e-3)
    assert errors.tolist() == one.expected_errors.tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.json: not JSON"),
        ("[1, 2]", "expected an object with an image and a list of faces"),
        ('{"image": "a.jpg", "faces": [{}]}', "face 0: points and errors must be lists of numbers"),
        ('{"image": "a.jpg", "faces": [{"points": [[1, 2]], "expected_errors": [1, 2]}]}', "face 0: .*one error for each"),
        ('{"image": 3, "faces": [{"points": [[1, 2]], "expected_errors": [1]}]}', "face 0: expected an image's name"),
        ('{"image": "a.jpg", "faces": [{"points": [], "expected_errors": []}]}', "face 0: expected .* points"),
    ],
)
def test_wrong_json_names_file_and_face(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_json(tmp_path / "a.json")


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


def half_hidden() -> Face:
    """A face without its first point."""
    whole = face("ibug68", 80)
    return replace(whole, points=np.where(np.arange(68)[:, None] == 0, np.nan, whole.points))


def test_save_faces_as_coco_for_pycocotools(tmp_path):
    results = [(tmp_path / "in/a.jpg", [face("ibug68"), half_hidden()]), (tmp_path / "in/b.jpg", [])]
    (file,) = save_faces(results, tmp_path / "out", "coco")
    with contextlib.redirect_stdout(io.StringIO()):  # it prints
        truth = COCO(str(file))
        found = truth.loadRes(list(truth.anns.values()))
        evaluation = COCOeval(truth, found, "keypoints")
        evaluation.params.kpt_oks_sigmas = np.full(68, 0.05)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert (len(truth.imgs), len(truth.anns)) == (2, 2)
    assert truth.cats[1]["keypoints"] == list(get_scheme("ibug68").names)
    assert [1, 2] in truth.cats[1]["skeleton"]
    assert evaluation.stats[0] == 1  # each found face is its own truth
    first, second = read_coco(file)
    assert first.image == "../in/a.jpg"
    np.testing.assert_allclose(first.points, face("ibug68").points, atol=6e-4)
    np.testing.assert_allclose(first.box, face("ibug68").box, atol=2e-3)
    assert second.mask.tolist() == [False] + [True] * 67
    assert not second.hidden.any()


def test_coco_of_two_schemes_is_refused_and_not_half_written(tmp_path):
    with pytest.raises(ValueError, match=r"b.jpg: points of ibug68, but those before are of five"):
        save_faces([("a.jpg", [face()]), ("b.jpg", [face("ibug68")])], tmp_path, "coco")
    assert os.listdir(tmp_path) == []


def coco(**changes) -> dict:
    annotation = {"image_id": "x", "category_id": 1, "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0]}
    return {"images": [{"id": "x", "file_name": "a.jpg"}], "annotations": [annotation | changes]}


def test_visibility_in_coco(tmp_path):
    """1 means hidden where the file knows 2 as well; many files write 1 for everything."""
    file = tmp_path / "a.json"
    file.write_text(json.dumps(coco()))
    assert read_coco(file)[0].hidden.tolist() == [False, True, False]
    assert read_coco(file)[0].box is None
    file.write_text(json.dumps(coco(keypoints=[1, 2, 1, 3, 4, 1, 0, 0, 0])))
    assert read_coco(file)[0].hidden.tolist() == [False, False, False]
    file.write_text(json.dumps(coco(iscrowd=1)))
    assert read_coco(file) == []
    file.write_text(json.dumps(coco(keypoints=[0] * 9)))
    assert read_coco(file) == []


def test_categories_of_coco(tmp_path):
    content = coco()
    content["annotations"].append(content["annotations"][0] | {"category_id": 2})
    content["categories"] = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}, {"id": 3, "name": "car"}]
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"several categories have keypoints; say which as the subset: (dog, cat|cat)"):
        read_coco(tmp_path / "a.json")
    assert len(read_coco(tmp_path / "a.json", "cat")) == 1
    with pytest.raises(ValueError, match=r"no category 'car' has keypoints; those that do: .*dog"):
        read_coco(tmp_path / "a.json", "car")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[]", "not COCO JSON; expected an object with the lists images and annotations"),
        ('{"images": [], "annotations": {}}', "not COCO JSON"),
        ('{"images": [3], "annotations": []}', "image 0: id is missing"),
        (json.dumps(coco(image_id="y")), "annotation 0: there is no image with the id y"),
        (json.dumps(coco(keypoints=[1, 2])), "annotation 0: 2 keypoint values, but each point has x, y and v"),
        (json.dumps(coco(keypoints=[1, 2, 5])), "annotation 0: the third value of a keypoint is 0, 1 or 2, not 5"),
        (json.dumps(coco(keypoints=[1, float("nan"), 2])), "annotation 0: keypoints must be a list of finite numbers"),
        (json.dumps(coco(keypoints=["a", "b", "c"])), "annotation 0: keypoints must be a list of finite numbers"),
        (json.dumps(coco(bbox=[1, 2])), "annotation 0: bbox must be x, y, width, height, not 2 values"),
    ],
)
def test_wrong_coco_names_file_and_annotation(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=f"a.json.*{message}"):
        read_coco(tmp_path / "a.json")


def test_save_faces_as_xml_for_dlib(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((120, 120, 3), np.uint8))
    one = face("ibug68")
    (file,) = save_faces([(tmp_path / "a.png", [one])], tmp_path, "dlib")
    (read,) = read_dlib_xml(file)
    assert read.image == "a.png"
    np.testing.assert_array_equal(read.points, np.round(one.points))
    np.testing.assert_array_equal(read.box, np.round(one.box))
    # dlib's own loader: a predictor of one face, all whose trees have nothing left to learn, gives that face.
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.num_trees_per_cascade_level, options.tree_depth = 1, 1, 1
    options.feature_pool_size, options.num_test_splits, options.oversampling_amount = 10, 1, 1
    dlib.train_shape_predictor(str(file), str(tmp_path / "one.dat"), options)
    left, top, right, bottom = (int(v) for v in read.box)
    predictor = dlib.shape_predictor(str(tmp_path / "one.dat"))
    shape = predictor(np.zeros((120, 120), np.uint8), dlib.rectangle(left, top, right, bottom))
    assert [(p.x, p.y) for p in shape.parts()] == [tuple(p) for p in read.points.tolist()]


def test_signs_that_xml_writes_in_its_own_way(tmp_path):
    (file,) = save_faces([('a <&"ä>.png', [face()])], tmp_path, "dlib")
    assert read_dlib_xml(file)[0].image.endswith('a <&"ä>.png')


def test_points_that_are_missing_are_left_out_of_xml(tmp_path):
    (file,) = save_faces([("a.jpg", [half_hidden(), face("ibug68")]), ("b.jpg", [])], tmp_path, "dlib")
    first, second = read_dlib_xml(file)
    assert first.mask.tolist() == [False] + [True] * 67
    assert second.mask.all()


def test_parts_of_xml_are_ordered_by_number_where_they_are_numbers(tmp_path):
    for names, order in ((("10", "9", "0"), [0, 9, 10]), (("b", "10", "a"), [10, 0, 2])):
        parts = "".join(f'<part name="{name}" x="{order[i]}" y="1.5"/>' for i, name in enumerate(names))
        box = f'<box top="1" left="2" width="3" height="4">{parts}</box>'
        ignored = '<box top="1" left="2" width="3" height="4" ignore="1"><part name="z" x="0" y="0"/></box>'
        (tmp_path / "a.xml").write_text(
            f'<dataset><images><image file="a.jpg">{box}{ignored}<box/></image></images></dataset>'
        )
        (read,) = read_dlib_xml(tmp_path / "a.xml")
        expected = [order[names.index(name)] for name in (("0", "9", "10") if "9" in names else ("10", "a", "b"))]
        assert read.points.tolist() == [[x, 1.5] for x in expected]


BOMB = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;">]><dataset><images>&c;</images></dataset>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><dataset><images>&b;</images></dataset>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not XML that can be used"),
        ("<dataset><images>", "not XML that can be used"),
        (BOMB, "not XML that can be used: EntitiesForbidden"),
        (OUTSIDE, "not XML that can be used: EntitiesForbidden"),
        ("<html/>", "not the XML of imglab; expected <dataset> with <images> in it, not <html>"),
        ("<dataset><images><image/></images></dataset>", "image 0: its file is not named"),
        (
            '<dataset><images><image file="a"><box top="1" left="1" width="x" height="1"><part name="0" x="1" y="1"/>'
            "</box></image></images></dataset>",
            r"image 0 \(a\), box 0, width and height: expected two numbers, not 'x 1'",
        ),
        (
            '<dataset><images><image file="a"><box top="1" left="1" width="1" height="1"><part name="0" x="nan" y="1"/>'
            "</box></image></images></dataset>",
            r"box 0, x and y: expected two numbers, not 'nan 1'",
        ),
    ],
)
def test_wrong_xml_names_file_and_box(tmp_path, text, message):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(ValueError, match=f"a.xml.*{message}"):
        read_dlib_xml(tmp_path / "a.xml")


@pytest.mark.parametrize(("format", "name"), [("csv", "csv"), ("coco", "json"), ("dlib", "xml")])
def test_a_folder_called_as_the_table_is_refused_before_the_work(tmp_path, format, name):
    def results():
        pytest.fail("the work has begun")
        yield "a.jpg", [face()]

    (tmp_path / f"landmarks.{name}").mkdir()
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        save_faces(results(), tmp_path, format)


def test_a_name_that_xml_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match="the name has signs that XML cannot hold"):
        save_faces([("a\x01.jpg", [face()])], tmp_path, "dlib")
    assert os.listdir(tmp_path) == []


def test_images_of_one_name_do_not_overwrite_each_other(tmp_path):
    results = [("x/a.jpg", []), ("y/a.jpg", []), ("y/A.png", []), ("a-2.jpg", [])]
    written = save_faces(results, tmp_path, "json")
    assert [path.name for path in written] == ["a.json", "a-2.json", "A-3.json", "a-2-2.json"]
    assert json.loads(written[1].read_text())["image"].endswith("y/a.jpg")


def test_images_done_before_an_error_are_kept_whole(tmp_path):
    def results():
        yield "a.jpg", [face()]
        raise KeyboardInterrupt

    for kind, files in (("json", ["a.json"]), ("pts", ["a_0.pts"]), ("csv", []), ("coco", []), ("dlib", [])):
        with pytest.raises(KeyboardInterrupt):
            save_faces(results(), tmp_path / kind, kind)
        assert [path.name for path in (tmp_path / kind).glob("*")] == files


def test_unknown_format_before_any_work(tmp_path):
    def results():
        raise AssertionError("nothing should be asked for")
        yield

    with pytest.raises(ValueError, match="unknown format 'xml'; known are json, pts, csv, coco, dlib"):
        save_faces(results(), tmp_path, "xml")
