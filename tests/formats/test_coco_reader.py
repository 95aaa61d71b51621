from __future__ import annotations

import json

import numpy as np
import pytest

from facelattice.exceptions import FormatError
from facelattice.formats import read_coco
from facelattice.formats.coco_reader import read_coco_file, read_coco_index, read_coco_results


def coco(**changes) -> dict:
    """The content of a file with one annotation; keyword arguments change the annotation."""
    annotation = {"image_id": "x", "category_id": 1, "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0]}
    return {"images": [{"id": "x", "file_name": "a.jpg"}], "annotations": [annotation | changes]}


def write(path, content) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def test_visibility_is_known_only_if_the_file_has_both_values(tmp_path):
    file = tmp_path / "a.json"
    write(file, coco())
    assert read_coco(file)[0].hidden.tolist() == [False, True, False]
    assert read_coco(file)[0].box is None
    assert read_coco(file)[0].visible.tolist() == [True, False, False]
    for v in (1, 2):
        write(file, coco(keypoints=[1, 2, v, 3, 4, v, 0, 0, 0]))
        assert not (read_coco(file)[0].hidden | read_coco(file)[0].visible).any()


@pytest.mark.parametrize(("id", "image_id"), [(1.0, 1), (1, "1"), ("1", 1.0), (1.0, 1.0), ("a", "a")])
def test_ids_are_equal_as_numbers_and_as_text(tmp_path, id, image_id):
    write(tmp_path / "a.json", coco(image_id=image_id) | {"images": [{"id": id, "file_name": "a.jpg"}]})
    assert read_coco(tmp_path / "a.json")[0].image == "a.jpg"


def test_image_id_of_two_files_is_rejected(tmp_path):
    images = [{"id": 1, "file_name": "a.jpg"}, {"id": "1", "file_name": "b.jpg"}]
    write(tmp_path / "a.json", coco(image_id=1) | {"images": images})
    with pytest.raises(FormatError, match=r"a.json, image 1: the id 1 occurs twice, for 'a.jpg' and 'b.jpg'"):
        read_coco(tmp_path / "a.json")
    write(tmp_path / "a.json", coco(image_id=1) | {"images": [images[0], images[0]]})
    assert len(read_coco(tmp_path / "a.json")) == 1


def test_category_id_with_different_keypoints_is_rejected(tmp_path):
    categories = [{"id": 1, "name": "face", "keypoints": list(names)} for names in ("abc", "bac")]
    write(tmp_path / "a.json", coco() | {"categories": categories})
    with pytest.raises(FormatError, match=r"a.json: the category id 1 occurs twice, with different names"):
        read_coco(tmp_path / "a.json")
    write(tmp_path / "a.json", coco() | {"categories": categories[:1] * 2})
    assert len(read_coco(tmp_path / "a.json")) == 1


@pytest.mark.parametrize("missing", [float("nan"), None])
def test_nan_and_null_are_missing_points(tmp_path, missing):
    write(
        tmp_path / "a.json",
        coco(keypoints=[missing, missing, 0, 3, 4, 2, missing, missing, missing, missing, missing, 2]),
    )
    (face,) = read_coco(tmp_path / "a.json")
    assert face.mask.tolist() == [False, True, False, False]
    assert np.isnan(face.points[0]).all()


def test_box_with_null_is_no_box(tmp_path):
    write(tmp_path / "a.json", coco(bbox=[None, 1, 2, 3]))
    assert read_coco(tmp_path / "a.json")[0].box is None


def test_keypoints_may_be_a_list_for_each_point(tmp_path):
    write(tmp_path / "a.json", coco(keypoints=[[1, 2, 2], [3, 4, 1]]))
    assert read_coco(tmp_path / "a.json")[0].points.tolist() == [[1, 2], [3, 4]]


def test_confidences_are_no_visibility(tmp_path):
    write(tmp_path / "a.json", coco(keypoints=[1, 2, 0.97, 3, 4, 1, 5, 6, 0]))
    (face,) = read_coco(tmp_path / "a.json")
    assert face.mask.tolist() == [True, True, False]
    assert not face.hidden.any()
    assert not face.visible.any()


def test_categories_of_one_name_are_one_category(tmp_path):
    content = coco()
    content["annotations"].append(content["annotations"][0] | {"category_id": 0})
    content["categories"] = [{"id": 0, "name": "face"}, {"id": 1, "name": "face"}]
    write(tmp_path / "a.json", content)
    assert len(read_coco(tmp_path / "a.json")) == 2
    content["categories"][0]["keypoints"] = ["a", "b", "c"]
    write(tmp_path / "a.json", content)
    with pytest.raises(FormatError, match="categories 1 and 0 have the same name, but different keypoints"):
        read_coco(tmp_path / "a.json")


def test_names_and_skeleton_of_the_category_are_read(tmp_path):
    category = {"id": 1, "name": "dog", "keypoints": ["a", "b", 3], "skeleton": [[1, 2]]}
    write(tmp_path / "a.json", coco() | {"categories": [category]})
    file = read_coco_file(tmp_path / "a.json")
    assert (file.names, file.category, file.skeleton) == (("a", "b", "3"), "dog", [[1, 2]])
    write(tmp_path / "a.json", coco() | {"categories": [category | {"keypoints": ["a", "b"]}]})
    with pytest.raises(FormatError, match=r"the category has 2 names of keypoints, but a face in .* has 3 points"):
        read_coco_file(tmp_path / "a.json")


def test_results_of_other_programs(tmp_path):
    write(tmp_path / "r.json", [{"image_id": 1.0, "keypoints": [1, 2, 0.5, 3, 4, 0], "score": 1}])
    (result,) = read_coco_results(tmp_path / "r.json")
    assert result.image_id == "1"
    np.testing.assert_array_equal(result.points, [[1, 2], [np.nan, np.nan]])
    write(tmp_path / "a.json", coco() | {"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]})
    assert read_coco_index(tmp_path / "a.json", [result]).images == {"1": "a.jpg", "2": "b.jpg"}
    with pytest.raises(FormatError, match=r"a\.json: not COCO results"):
        read_coco_results(tmp_path / "a.json")
    with pytest.raises(FormatError, match=r"r\.json: not COCO JSON"):
        read_coco_index(tmp_path / "r.json", [result])


@pytest.mark.parametrize("changes", [{"iscrowd": 1}, {"keypoints": [0] * 9}])
def test_crowds_and_annotations_without_a_point_are_left_out(tmp_path, changes):
    write(tmp_path / "a.json", coco(**changes))
    assert read_coco(tmp_path / "a.json") == []


def test_category_is_chosen_by_name(tmp_path):
    content = coco()
    content["annotations"].append(content["annotations"][0] | {"category_id": 2})
    content["categories"] = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}, {"id": 3, "name": "car"}]
    write(tmp_path / "a.json", content)
    with pytest.raises(FormatError, match=r"several categories have keypoints; choose one as the subset: (dog|cat), "):
        read_coco(tmp_path / "a.json")
    assert len(read_coco(tmp_path / "a.json", "cat")) == 1
    with pytest.raises(FormatError, match=r"no category 'car' with keypoints; categories with keypoints: .*dog"):
        read_coco(tmp_path / "a.json", "car")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[]", "not COCO JSON; expected an object with the lists images and annotations"),
        ('{"images": [], "annotations": {}}', "not COCO JSON"),
        ('{"images": [3], "annotations": []}', "image 0: id is missing"),
        ('{"images": [{"id": null}], "annotations": []}', "image 0: id must be a number or text, not None"),
        ('{"images": [{"id": true}], "annotations": []}', "image 0: id must be a number or text, not True"),
        ("[" * 100_000, "not JSON"),
        (f'{{"images": [{"9" * 5000}]}}', "not JSON"),
        (json.dumps(coco(image_id="y")), "annotation 0: there is no image with the id y"),
        (json.dumps(coco(keypoints=[1, 2])), "annotation 0: 2 keypoint values, but each point has x, y and v"),
        (
            json.dumps(coco(keypoints=[1, 2, 5])),
            "annotation 0: the third value of a keypoint is 0, 1 or 2, or a confidence, not 5",
        ),
        (json.dumps(coco(keypoints=[1, float("nan"), 2])), "annotation 0: keypoints must be a list of finite numbers"),
        (json.dumps(coco(keypoints=[1, 10**400, 2])), "annotation 0: keypoints must be a list of finite numbers"),
        (json.dumps(coco(keypoints=["a", "b", "c"])), "annotation 0: keypoints must be a list of finite numbers"),
        (json.dumps(coco(keypoints=[1, None, 2])), "annotation 0: keypoints must be a list of finite numbers"),
        (json.dumps(coco(keypoints=[1, 1e300, 2])), "annotation 0: keypoints must be a list of finite numbers"),
        (json.dumps(coco(category_id=[1])), r"annotation 0: category_id must be a number or text, not \[1\]"),
        (json.dumps(coco(image_id=1.5)), "annotation 0: image_id must be a number or text, not 1.5"),
        (json.dumps(coco(bbox=[1, 2])), "annotation 0: bbox must be x, y, width, height, not 2 values"),
    ],
)
def test_error_names_file_and_annotation(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=f"a.json.*{message}"):
        read_coco(tmp_path / "a.json")
