from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from facelattice.exceptions import FormatError
from facelattice.formats.labelme import read_labelme_files


def point(label: Any, x: Any, y: Any, group: Any = None, **changes: Any) -> dict[str, Any]:
    shape = {"label": label, "points": [[x, y]], "group_id": group, "shape_type": "point", "flags": {}}
    return shape | changes


def write(path: Path, *shapes: Any, image: Any = "a.jpg") -> Path:
    content = {"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": image, "imageData": None}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_points_of_a_group_are_a_face(tmp_path):
    box = point("face", 0, 0, 7, shape_type="rectangle", points=[[40.5, 50.5], [5.5, 6.5]])
    shapes = [point("nose", 10.5, 20, 7), point("chin", 11.5, 30, 7, flags={"hidden": True}), point("nose", 1, 2), box]
    file = read_labelme_files(tmp_path, [write(tmp_path / "a.json", *shapes)])
    assert file.names == ("nose", "chin")
    first, second = file.faces
    assert first.points.tolist() == [[10, 19.5], [11, 29.5]]  # labelme counts from the corner of the image
    assert first.hidden.tolist() == [False, True]
    assert first.visible.tolist() == [True, False]
    assert first.box.tolist() == [5, 6, 40, 50]
    assert second.mask.tolist() == [True, False]
    assert second.box is None


def test_images_are_relative_to_the_file(tmp_path):
    files = [
        write(tmp_path / "a.json", point("nose", 1, 2)),
        write(tmp_path / "more" / "b.json", point("nose", 1, 2), image="..\\photos\\b.jpg"),
    ]
    assert [face.image for face in read_labelme_files(tmp_path, files).faces] == ["a.jpg", "more/../photos/b.jpg"]


def test_other_shapes_and_files_are_ignored(tmp_path):
    shape = point("hat", 1, 2, shape_type="polygon", points=[[1, 2], [3, 4], [5, 1]])
    (tmp_path / "b.json").write_text('{"version": 1}', encoding="utf-8")
    assert read_labelme_files(tmp_path, [write(tmp_path / "a.json", shape), tmp_path / "b.json"]).faces == []


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (3, "shape 1: must be an object"),
        (point("nose", 5, 6), "the part 'nose' occurs twice"),
        (point("nose", 5, 6, 1.5), "shape 1: group_id must be a number, not '1.5'"),
        (point(3, 5, 6), "shape 1: label must be a name, not '3'"),
        (point("chin", float("nan"), 6), r"shape 1: expected 2 numbers, not \[nan, 6\]"),
        (point("chin", "5", 6), r"shape 1: expected 2 numbers, not \['5', 6\]"),
        (point("chin", True, 6), r"shape 1: expected 2 numbers, not \[True, 6\]"),
        (point("chin", 1e9, 6), r"shape 1: expected 2 numbers, not \[1000000000.0, 6\]"),
        (point("chin", 10**400, 6), "shape 1: expected 2 numbers"),
        (point("chin", 5, 6, points=[[1, 2], [3, 4]]), "shape 1: expected 1 points of a point"),
        (point("chin", 5, 6, shape_type="rectangle"), "shape 1: expected 2 points of a rectangle"),
    ],
)
def test_error_names_file_and_shape(tmp_path, shape, message):
    with pytest.raises(FormatError, match=f"a.json.*{message}"):
        read_labelme_files(tmp_path, [write(tmp_path / "a.json", point("nose", 1, 2), shape)])


@pytest.mark.parametrize("image", [None, "", 3, "a\0.jpg"])
def test_name_of_the_image_must_be_a_path(tmp_path, image):
    with pytest.raises(FormatError, match=r"a.json, imagePath: the name of the image"):
        read_labelme_files(tmp_path, [write(tmp_path / "a.json", image=image)])


def test_broken_file(tmp_path):
    (tmp_path / "a.json").write_text('{"shapes": [', encoding="utf-8")
    with pytest.raises(FormatError, match=r"a.json: not JSON"):
        read_labelme_files(tmp_path, [tmp_path / "a.json"])
