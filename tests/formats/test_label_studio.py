from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from facelattice.exceptions import FormatError
from facelattice.formats.annotation import AnnotationFile
from facelattice.formats.label_studio import read_label_studio_file

SIZE = {"original_width": 200, "original_height": 100, "image_rotation": 0}


def keypoint(
    label: Any = "nose", x: Any = 10, y: Any = 20, parent: str | None = None, **changes: Any
) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": 0.4, "keypointlabels": [label]}
    parents = {} if parent is None else {"parentID": parent}
    return {"id": "p", "type": "keypointlabels", "value": value, **SIZE, **parents} | changes


def rectangle(id: str, x: float, y: float, width: float, height: float) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": ["face"]}
    return {"id": id, "type": "rectanglelabels", "value": value, **SIZE}


def read(path: Path, *results: Any, data: Any = None) -> AnnotationFile:
    task = {"id": 1, "annotations": [{"result": list(results)}], "data": data or {"image": "a.jpg"}}
    path.write_text(json.dumps([task]), encoding="utf-8")
    return read_label_studio_file(path)


def test_keypoints_are_per_cent_of_the_image(tmp_path):
    hidden = keypoint("chin", 12, 30, meta={"text": ["hidden"]})
    file = read(tmp_path / "a.json", keypoint(), hidden, rectangle("r", 5, 10, 40, 50))
    (face,) = file.faces
    assert (face.image, file.names) == ("a.jpg", ("nose", "chin"))
    assert face.points.tolist() == [[19.5, 19.5], [23.5, 29.5]]  # they count from the corner of the image
    assert face.box.tolist() == [9.5, 9.5, 89.5, 59.5]
    assert face.hidden.tolist() == [False, True]
    assert face.visible.tolist() == [True, False]


def test_keypoints_belong_to_their_parent_or_to_the_rectangle_around_them(tmp_path):
    boxes = rectangle("r", 0, 0, 40, 50), rectangle("s", 30, 0, 70, 100)
    file = read(tmp_path / "a.json", *boxes, keypoint("nose", 35, 20, "s"), keypoint("chin", 80, 80), keypoint("nose"))
    assert [face.mask.tolist() for face in file.faces] == [[True, True], [True, False]]
    with pytest.raises(FormatError, match=r"task 0, result 2: the keypoint is in 2 rectangles; make it a child of its"):
        read(tmp_path / "a.json", *boxes, keypoint("nose", 35, 20))


def test_the_last_annotation_counts_unless_it_was_skipped(tmp_path):
    annotations = [{"result": [keypoint(x=x)], "was_cancelled": x == 30} for x in (10, 20, 30)]
    (tmp_path / "a.json").write_text(
        json.dumps([{"data": {"image": "a.jpg"}, "annotations": annotations}, {"data": {"image": "b.jpg"}}]),
        encoding="utf-8",
    )
    (face,) = read_label_studio_file(tmp_path / "a.json").faces
    assert face.points[0, 0] == 39.5


@pytest.mark.parametrize(
    ("image", "name", "others"),
    [
        ("/data/local-files/?d=photos/a%20b.jpg", "photos/a b.jpg", ["a b.jpg", "a b.jpg"]),
        ("/data/local-files/?d=photos\\a.jpg", "photos/a.jpg", ["a.jpg", "a.jpg"]),
        ("/data/upload/3/1a2b3c4d-a.jpg", "1a2b3c4d-a.jpg", ["1a2b3c4d-a.jpg", "a.jpg"]),
        ("s3://bucket/photos/a.jpg", "a.jpg", ["a.jpg", "a.jpg"]),
        ("https://example.org/a%20b.jpg?size=1", "a b.jpg", ["a b.jpg", "a b.jpg"]),
        ("photos/a.jpg", "photos/a.jpg", ["a.jpg", "a.jpg"]),
    ],
)
def test_paths_of_images(tmp_path, image, name, others):
    file = read(tmp_path / "a.json", keypoint(), data={"id": "7", "img": image})
    assert [face.image for face in file.faces] == [name]
    assert file.other_names == {name: others}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("{}", "not Label Studio's JSON; expected a list of tasks with data; export as JSON"),
        ('[{"image": "a.jpg", "kp-1": []}]', "not Label Studio's JSON"),  # JSON-MIN
        ('[{"data": {}, "annotations": 3}]', "task 0: annotations must be a list of objects"),
        ('[{"data": {}, "annotations": [{"result": 3}]}]', "task 0: result must be a list of objects"),
        ('[{"data": {"text": "hello"}}]', "task 0: there is no path of an image in its data"),
    ],
)
def test_error_names_file_and_task(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=f"a.json.*{message}"):
        read_label_studio_file(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (keypoint(), "the part 'nose' occurs twice"),
        (keypoint(3), "result 1: a keypoint needs one label"),
        (keypoint("chin", value=3), "result 1: a keypoint needs one label"),
        (keypoint("chin", float("nan")), r"result 1, x and y: expected 2 numbers, not \[nan, 20\]"),
        (keypoint("chin", original_width=0), "original_width and original_height must be positive"),
        (keypoint("chin", original_width=None), r"result 1: expected 2 numbers, not \[None, 100\]"),
        (keypoint("chin", image_rotation=90), "the image is rotated in Label Studio"),
        (rectangle("r", 1, 2, float("inf"), 3), r"result 1, width and height: expected 2 numbers, not \[inf, 3\]"),
    ],
)
def test_error_names_the_result(tmp_path, result, message):
    with pytest.raises(FormatError, match=f"a.json, task 0.*{message}"):
        read(tmp_path / "a.json", keypoint(), result)
