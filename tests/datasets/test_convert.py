"""Round trips through every kind of files, pinned to numbers, and mistakes in conversions."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

import facelattice
from facelattice.datasets import read_samples
from facelattice.datasets.convert import CONVERSION_FORMATS, convert_dataset
from facelattice.exceptions import ArgumentError, DataError, FormatError, ImageError, SchemeError
from facelattice.formats import read_csv, read_pts
from facelattice.schemes import Scheme, get_scheme, mean_shape

# Two faces in a photo and one in another, whose size differs in both directions. 0 visible, 1 hidden, - unknown.
TABLE = """image,left_eye_x,left_eye_y,right_eye_x,right_eye_y,nose_x,nose_y,visibility
photos/ann.png,10.25,20.5,30,21,20,40.125,010
photos/ann.png,50,20,,,60,40,0-1
photos/more/bob.png,1,2,30,4,20,59,000
"""
DOG = Scheme.from_dict({"name": "dog", "points": ["left_eye", "right_eye", "nose"]})
NAMES = {
    "csv": "faces.csv", "coco": "faces.json", "dlib": "faces.xml", "cvat": "faces.xml", "label-studio": "faces.json",
}  # fmt: skip


@pytest.fixture
def table(tmp_path) -> Path:
    """A table of three faces of the scheme `DOG`, beside its photos."""
    folder = tmp_path / "in"
    (folder / "photos" / "more").mkdir(parents=True)
    cv2.imwrite(str(folder / "photos" / "ann.png"), np.zeros((60, 80, 3), np.uint8))
    cv2.imwrite(str(folder / "photos" / "more" / "bob.png"), np.zeros((70, 40, 3), np.uint8))
    (folder / "faces.csv").write_text(TABLE, encoding="utf-8")
    return folder / "faces.csv"


def read_rows(path: Path) -> list[tuple[list[list[float]], list[bool], list[bool]]]:
    """The points, hidden and visible flags of a dataset."""
    samples = read_samples(path, scheme=DOG)
    assert all(sample.path.is_file() for sample in samples)
    return [(sample.points.tolist(), sample.hidden.tolist(), sample.visible.tolist()) for sample in samples]


@pytest.mark.parametrize("format", ["csv", "coco", "cvat", "label-studio", "yolo", "labelme"])
def test_round_trip_keeps_points_visibility_and_images(table, tmp_path, format):
    target = tmp_path / "out" / NAMES.get(format, "dataset")
    result = convert_dataset(table, target, format=format)
    assert (result.format, result.num_images, result.num_faces) == (format, 2, 3)
    program = {"cvat": "CVAT", "label-studio": "Label Studio"}.get(format)
    assert result.notes == (() if program is None else (
        f"not loaded by {program}: images outside of the folder of the file (2 of 2); "
        f"write the file into {tmp_path / 'in' / 'photos'}",
    ))  # fmt: skip
    back = tmp_path / "elsewhere" / "back.csv"
    convert_dataset(target, back)
    rows = back.read_text(encoding="utf-8").splitlines()
    assert rows[0] == TABLE.splitlines()[0]
    assert [row.split(",", 1)[1] for row in rows[1:]] == [
        "10.250,20.500,30.000,21.000,20.000,40.125,010",
        "50.000,20.000,,,60.000,40.000,0-1",
        "1.000,2.000,30.000,4.000,20.000,59.000,000",
    ]
    photos = "../out/dataset/images" if format == "yolo" else "../in/photos"
    names = [row.split(",", 1)[0] for row in rows[1:]]
    assert names == [f"{photos}/{name}" for name in ("ann.png", "ann.png", "more/bob.png")]


@pytest.mark.parametrize(("folder", "num_outside"), [("in", 0), ("in/photos", 0), ("in/photos/more", 1), ("other", 2)])
@pytest.mark.parametrize("format", ["cvat", "label-studio"])
def test_images_that_the_program_does_not_load_are_noted(table, tmp_path, format, folder, num_outside):
    notes = convert_dataset(table, tmp_path / folder / NAMES[format], format=format).notes
    assert [f"({num_outside} of 2)" in note for note in notes] == [True] * (num_outside > 0)


def test_round_trip_through_dlib_rounds_to_pixels(table, tmp_path):
    result = convert_dataset(table, tmp_path / "faces.xml", format="dlib")
    assert result.notes == (
        "rounded: coordinates, to whole pixels",
        "left out: the visibility of points (in 3 faces)",
        "left out: names of the points; give a scheme file when the files are read",
    )
    points = [np.array(points)[~np.isnan(points).any(1)].tolist() for points, _, _ in read_rows(tmp_path / "faces.xml")]
    assert points == [[[10, 20], [30, 21], [20, 40]], [[50, 20], [60, 40]], [[1, 2], [30, 4], [20, 59]]]


def test_pts_have_one_complete_face_beside_an_image(table, tmp_path):
    table.write_text(TABLE + "photos/ann.png,11,12,13,14,15,16,000\n", encoding="utf-8")
    result = convert_dataset(table, tmp_path / "pts", format="pts")
    assert result.num_faces == 3
    assert result.notes[0] == "left out: faces with missing points (1 of 4)"
    files = sorted(str(path.relative_to(tmp_path / "pts")) for path in (tmp_path / "pts").rglob("*.p*"))
    assert files == ["ann_1.png", "ann_1.pts", "ann_2.png", "ann_2.pts", "more/bob.png", "more/bob.pts"]
    assert "11.2500 21.5000" in (tmp_path / "pts" / "ann_1.pts").read_text(encoding="utf-8")  # counts from 1
    assert read_pts(tmp_path / "pts" / "ann_2.pts").tolist() == [[11, 12], [13, 14], [15, 16]]
    assert len(read_rows(tmp_path / "pts")) == 3


def test_texts_of_the_files(table, tmp_path):
    for format in ("cvat", "label-studio", "labelme", "yolo", "coco"):
        convert_dataset(table, tmp_path / format / NAMES.get(format, "set"), format=format)
    cvat = (tmp_path / "cvat" / "faces.xml").read_text(encoding="utf-8")
    assert '<image id="0" name="../in/photos/ann.png" width="80" height="60">' in cvat
    assert '<points label="left_eye" outside="0" occluded="0" points="10.750,21.000" />' in cvat
    assert '<points label="right_eye" outside="0" occluded="1" points="30.500,21.500" />' in cvat
    assert '<points label="right_eye" outside="1" occluded="0" points="55.500,30.500" />' in cvat
    studio = (tmp_path / "label-studio" / "faces.json").read_text(encoding="utf-8")
    assert '"image": "/data/local-files/?d=../in/photos/ann.png"' in studio
    assert '"x": 13.4375,' in studio  # 10.75 of 80
    assert '"y": 35.0,' in studio  # 21 of 60
    labelme = (tmp_path / "labelme" / "set" / "more" / "bob.json").read_text(encoding="utf-8")
    assert '"imagePath": "../../../in/photos/more/bob.png"' in labelme
    assert "".join(labelme.split()).count('"points":[[1.5,2.5]]') == 1
    labels = (tmp_path / "yolo" / "set" / "labels" / "ann.txt").read_text(encoding="utf-8").split()
    assert labels[:9] == ["0", "0.2578125", "0.51354167", "0.246875", "0.32708333", "0.134375", "0.35", "2", "0.38125"]
    assert (tmp_path / "yolo" / "set" / "data.yaml").read_text(encoding="utf-8") == (
        "train: images\nval: images\nkpt_shape: [3, 3]\nflip_idx: [1, 0, 2]\nnames:\n  0: face\n"
        'kpt_names:\n  0: ["left_eye", "right_eye", "nose"]\n'
    )
    coco = (tmp_path / "coco" / "faces.json").read_text(encoding="utf-8")
    assert '"file_name": "../in/photos/ann.png", "height": 60, "width": 80' in coco
    assert '"keypoints": [10.25, 20.5, 2, 30.0, 21.0, 1, 20.0, 40.125, 2]' in coco


@pytest.mark.parametrize("format", ["coco", "dlib", "cvat", "label-studio", "yolo", "labelme"])
def test_boxes_are_kept(table, tmp_path, format):
    convert_dataset(table, tmp_path / "boxes.json", format="coco")
    text = (tmp_path / "boxes.json").read_text(encoding="utf-8")
    box, wider = '"bbox": [1.0, 2.0, 29.0, 57.0]', '"bbox": [0.0, 1.0, 32.0, 60.0]'
    assert box in text
    (tmp_path / "boxes.json").write_text(text.replace(box, wider), encoding="utf-8")
    target = tmp_path / "out" / NAMES.get(format, "set")
    convert_dataset(tmp_path / "boxes.json", target, format=format)
    np.testing.assert_allclose(read_samples(target, scheme=DOG)[-1].dataset_box, [0, 1, 32, 61], atol=1e-4)
    assert "left out: boxes (of 3 faces)" in convert_dataset(target, tmp_path / "t.csv", scheme=DOG).notes


@pytest.fixture
def with_empty_image(table) -> Path:
    """The table as COCO JSON, with a photo without faces and one that is not found."""
    cv2.imwrite(str(table.parent / "photos" / "empty.png"), np.zeros((50, 90, 3), np.uint8))
    convert_dataset(table, table.parent / "faces.json")
    content = json.loads((table.parent / "faces.json").read_text(encoding="utf-8"))
    for id, name in ((7, "empty.png"), (8, "lost.png")):
        content["images"].append({"id": id, "file_name": f"photos/{name}"})
    (table.parent / "faces.json").write_text(json.dumps(content), encoding="utf-8")
    return table.parent / "faces.json"


@pytest.mark.parametrize("format", ["coco", "dlib", "cvat", "label-studio", "yolo", "labelme"])
def test_images_without_faces_are_kept(with_empty_image, tmp_path, format):
    target = tmp_path / "out" / NAMES.get(format, "dataset")
    result = convert_dataset(with_empty_image, target, format=format)
    assert (result.num_images, result.num_faces) == (3, 3)
    assert "left out: images without faces that are not found (1)" in result.notes
    assert convert_dataset(target, tmp_path / "back.json", DOG).num_images == 3
    back = json.loads((tmp_path / "back.json").read_text(encoding="utf-8"))
    (empty,) = (image for image in back["images"] if image["file_name"].endswith("empty.png"))
    assert (empty["width"], empty["height"]) == (90, 50)
    assert empty["id"] not in {face["image_id"] for face in back["annotations"]}


@pytest.mark.parametrize("format", ["csv", "pts"])
def test_images_without_faces_are_counted_where_they_are_left_out(with_empty_image, tmp_path, format):
    result = convert_dataset(with_empty_image, tmp_path / NAMES.get(format, "dataset"), format=format)
    assert (result.num_images, "left out: images without faces (1)" in result.notes) == (2, True)
    assert not list((tmp_path / "dataset").rglob("empty*"))


def test_images_without_faces_are_those_without_any_shape(table, tmp_path):
    """A face without points, or a task that is not finished, does not make an image one without faces."""
    cv2.imwrite(str(table.parent / "photos" / "other.png"), np.zeros((50, 90, 3), np.uint8))
    for format in ("coco", "dlib", "cvat", "label-studio"):
        convert_dataset(table, table.parent / f"{format}-{NAMES[format]}", format=format)
    additions = {
        "coco": ('"annotations": [', '"annotations": [{"id": 9, "image_id": 9, "bbox": [1, 2, 3, 4]}, '),
        "dlib": ("</images>", '<image file="photos/other.png"><box top="1" left="1" width="5" height="5"/></image>'),
        "cvat": ("</annotations>", '<image name="photos/other.png"><polygon label="a" points="1,2;3,4;5,6"/></image>'),
        "label-studio": ("[\n", '[{"data": {"image": "photos/other.png"}, "annotations": []},\n'),
    }  # fmt: skip
    for format, (old, new) in additions.items():
        file = table.parent / f"{format}-{NAMES[format]}"
        new += old if old.startswith("</") else ""
        text = file.read_text(encoding="utf-8").replace(old, new, 1)
        if format == "coco":
            text = text.replace('"images": [', '"images": [{"id": 9, "file_name": "photos/other.png"}, ')
        file.write_text(text, encoding="utf-8")
        assert convert_dataset(file, tmp_path / f"{format}.json", DOG).num_images == 2


def test_images_without_faces_of_annotate(table, tmp_path):
    rows = "photos/ann.png,1,2,3,4,5,6,1\nphotos/more/bob.png,,,,,,,1\n"
    table.write_text(f"image,x0,y0,x1,y1,x2,y2,done\n{rows}", encoding="utf-8")
    assert convert_dataset(table, tmp_path / "a.json", DOG).num_images == 2
    table.write_text(table.read_text(encoding="utf-8").replace(",,1", ",,0"), encoding="utf-8")  # not finished
    assert convert_dataset(table, tmp_path / "a.json", DOG).num_images == 1


def test_unknown_visibility_stays_unknown(table, tmp_path):
    table.write_text("".join(f"{row.rpartition(',')[0]}\n" for row in TABLE.splitlines()), encoding="utf-8")
    for format in CONVERSION_FORMATS:
        target = tmp_path / format / NAMES.get(format, "set")
        convert_dataset(table, target, format=format)
        for _, hidden, visible in read_rows(target):
            assert not any(hidden + visible)


def test_what_visibility_loses(table, tmp_path):
    table.write_text(TABLE.replace("0-1", "021").replace(",000", ",---"), encoding="utf-8")
    assert convert_dataset(table, tmp_path / "a.json").notes == (
        "written as missing: hidden points without a position (1)",
        "written as visible: points whose visibility is unknown (3)",
    )
    assert convert_dataset(table, tmp_path / "a.csv").notes == ()
    table.write_text(TABLE.replace("010", "000").replace("0-1", "0-0"), encoding="utf-8")
    (note,) = convert_dataset(table, tmp_path / "a.json").notes
    assert note == "left out: the visibility of points; these files state it only if a point is hidden"


def test_yolo_has_no_points_outside_of_the_image(table, tmp_path):
    table.write_text(TABLE.replace("10.25,20.5", "-10.25,20.5"), encoding="utf-8")
    assert "left out: points outside of their images (1)" in convert_dataset(table, tmp_path / "y", format="yolo").notes
    values = [float(value) for value in (tmp_path / "y" / "labels" / "ann.txt").read_text(encoding="utf-8").split()]
    assert min(values) == 0  # Ultralytics rejects images with values below 0
    assert values[5:8] == [0, 0, 0]


def test_another_scheme(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((60, 80, 3), np.uint8))
    points = mean_shape(get_scheme("wflw98")) * 40
    cells = ",".join(f"{value:.3f}" for value in points.ravel())
    header = ",".join(f"{axis}{i}" for i in range(98) for axis in "xy")
    (tmp_path / "w.csv").write_text(f"image,{header}\na.png,{cells}\n", encoding="utf-8")
    assert convert_dataset(tmp_path / "w.csv", tmp_path / "i.csv", "ibug68").notes == ()
    ((_, converted, _),) = read_csv(tmp_path / "i.csv")
    np.testing.assert_allclose(converted[30], points[54], atol=1e-3)  # the tip of the nose
    result = convert_dataset(tmp_path / "i.csv", tmp_path / "f.csv", "wflw98")
    assert result.notes == ("missing in all faces: points of wflw98 (30 of 98)",)
    with pytest.raises(SchemeError, match="no conversion"):
        convert_dataset(tmp_path / "w.csv", tmp_path / "d.csv", "aflw19")


def test_images_that_are_in_the_target_are_not_copied(table):
    convert_dataset(table, table.parent / "photos", format="labelme")
    table.write_text("".join(TABLE.splitlines(keepends=True)[::3]), encoding="utf-8")  # one complete face
    convert_dataset(table, table.parent / "photos", format="pts")
    photos = [str(path.relative_to(table.parent)) for path in sorted(table.parent.rglob("*")) if path.is_file()]
    assert photos == [
        "faces.csv", "photos/ann.json", "photos/ann.png", "photos/more/bob.json", "photos/more/bob.png",
        "photos/more/bob.pts",
    ]  # fmt: skip


def test_files_in_the_target_are_not_replaced(table, tmp_path):
    convert_dataset(table, tmp_path / "y", format="yolo")
    convert_dataset(table, tmp_path / "y", format="yolo")  # as after an interruption
    label = tmp_path / "y" / "labels" / "ann.txt"
    label.write_text("mine\n", encoding="utf-8")
    (tmp_path / "y" / "data.yaml").unlink()
    with pytest.raises(FormatError, match=r"ann\.txt: exists with another content; choose another folder"):
        convert_dataset(table, tmp_path / "y", format="yolo")
    assert label.read_text(encoding="utf-8") == "mine\n"
    assert not (tmp_path / "y" / "data.yaml").exists()


@pytest.mark.parametrize(("target", "options", "error", "message"), [
    ("in/faces.csv", {}, ArgumentError, "source and target are the same"),
    ("link.csv", {}, ArgumentError, "source and target are the same"),
    ("out.xml", {}, ArgumentError, "choose it with --format: dlib or cvat"),
    ("out", {}, ArgumentError, "choose it with --format: pts, yolo or labelme for a folder"),
    ("out.csv", {"format": "voc"}, ArgumentError, "unknown format 'voc'; expected one of csv, coco, dlib, cvat"),
    ("in", {"format": "csv"}, ArgumentError, "is a folder, but csv is a file"),
    ("notes.txt", {"format": "yolo"}, ArgumentError, "is a file, but yolo is a folder"),
    ("out.csv", {"scheme": "ibug86"}, SchemeError, "unknown point scheme 'ibug86'; did you mean ibug68"),
    ("out.csv", {"scheme": "ibug68"}, SchemeError, "no conversion from faces to ibug68"),
    ("out.csv", {"subset": "train"}, DataError, "a table has no subsets"),
])  # fmt: skip
def test_mistakes(table, tmp_path, target, options, error, message):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    os.link(table, tmp_path / "link.csv")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(error, match=message):
        convert_dataset(table, tmp_path / target, **options)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_file_in_the_source_folder_is_not_replaced(table):
    with pytest.raises(ArgumentError, match="may be a part of the source"):
        convert_dataset(table.parent, table)


def test_missing_and_damaged_images(table, tmp_path):
    (table.parent / "photos" / "more" / "bob.png").write_bytes(b"no image")
    convert_dataset(table, tmp_path / "a.csv")  # needs no sizes
    with pytest.raises(ImageError, match=r"bob\.png: not an image of a supported format"):
        convert_dataset(table, tmp_path / "a.json")
    (table.parent / "photos" / "more" / "bob.png").unlink()
    with pytest.raises(DataError, match=r"1 of its 2 images are not found; the first was looked for at .*bob\.png"):
        convert_dataset(table, tmp_path / "b.csv")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["a.csv"]


def test_images_that_differ_in_their_suffix_cannot_be_a_folder(table, tmp_path):
    cv2.imwrite(str(table.parent / "photos" / "ann.jpg"), np.zeros((60, 80, 3), np.uint8))
    table.write_text(f"{TABLE}photos/ann.jpg,1,2,3,4,5,6,000\n", encoding="utf-8")
    with pytest.raises(FormatError, match=r"ann\.jpg and .*ann\.png would have one file of annotations"):
        convert_dataset(table, tmp_path / "out", format="labelme")


def test_pts_need_a_complete_face(table, tmp_path):
    table.write_text("".join(TABLE.splitlines(keepends=True)[i] for i in (0, 2)), encoding="utf-8")
    with pytest.raises(FormatError, match=r"all faces have missing points, which \.pts files cannot hold"):
        convert_dataset(table, tmp_path / "out", format="pts")
    assert not (tmp_path / "out").exists()


def test_faces_of_several_schemes_need_one(tmp_path):
    for name, scheme in (("a", "five"), ("b", "ibug68")):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((60, 80, 3), np.uint8))
        facelattice.formats.write_pts(tmp_path / f"{name}.pts", mean_shape(get_scheme(scheme)) * 40)
    with pytest.raises(SchemeError, match="several schemes, five, ibug68; choose one with --scheme"):
        convert_dataset(tmp_path, tmp_path / "out.csv")
    assert convert_dataset(tmp_path, tmp_path / "out.csv", "five").num_faces == 2
