from __future__ import annotations

import contextlib
import io
import json
import os

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from facelattice.exceptions import FormatError
from facelattice.formats import read_coco, write_coco
from facelattice.schemes import get_scheme


def coco(**changes) -> dict:
    """The content of a file with one annotation; keyword arguments change the annotation."""
    annotation = {"image_id": "x", "category_id": 1, "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0]}
    return {"images": [{"id": "x", "file_name": "a.jpg"}], "annotations": [annotation | changes]}


def write(path, content) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def test_pycocotools_read_and_evaluate_the_file(make_face, tmp_path):
    face, partial = make_face("ibug68"), make_face("ibug68", 80, missing=1)
    write_coco(tmp_path / "a.json", [("../in/a.jpg", [face, partial]), ("../in/b.jpg", [])])
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(tmp_path / "a.json"))
        found = truth.loadRes(list(truth.anns.values()))
        evaluation = COCOeval(truth, found, "keypoints")
        evaluation.params.kpt_oks_sigmas = np.full(68, 0.05)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert (len(truth.imgs), len(truth.anns)) == (2, 2)
    assert truth.cats[1]["keypoints"] == list(get_scheme("ibug68").names)
    assert [1, 2] in truth.cats[1]["skeleton"]
    assert evaluation.stats[0] == 1  # the predictions equal the annotations


def test_round_trip(make_face, tmp_path):
    face, partial = make_face("ibug68"), make_face("ibug68", 80, missing=1)
    write_coco(tmp_path / "a.json", [("../in/a.jpg", [face, partial]), ("../in/b.jpg", [])])
    first, second = read_coco(tmp_path / "a.json")
    assert first.image == "../in/a.jpg"
    np.testing.assert_allclose(first.points, face.points, atol=6e-4)
    np.testing.assert_allclose(first.box, face.box, atol=2e-3)
    assert second.mask.tolist() == [False] + [True] * 67
    assert not second.hidden.any()


def test_two_schemes_in_one_file_are_rejected(make_face, tmp_path):
    with pytest.raises(FormatError, match=r"b.jpg: the scheme is ibug68, but five for the faces before"):
        write_coco(tmp_path / "a.json", [("a.jpg", [make_face()]), ("b.jpg", [make_face("ibug68")])])
    assert os.listdir(tmp_path) == []


def test_visibility_1_means_hidden_only_beside_2(tmp_path):
    file = tmp_path / "a.json"
    write(file, coco())
    assert read_coco(file)[0].hidden.tolist() == [False, True, False]
    assert read_coco(file)[0].box is None
    write(file, coco(keypoints=[1, 2, 1, 3, 4, 1, 0, 0, 0]))
    assert read_coco(file)[0].hidden.tolist() == [False, False, False]


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
        (json.dumps(coco(image_id="y")), "annotation 0: there is no image with the id y"),
        (json.dumps(coco(keypoints=[1, 2])), "annotation 0: 2 keypoint values, but each point has x, y and v"),
        (json.dumps(coco(keypoints=[1, 2, 5])), "annotation 0: the third value of a keypoint is 0, 1 or 2, not 5"),
        (json.dumps(coco(keypoints=[1, float("nan"), 2])), "annotation 0: keypoints must be a list of finite numbers"),
        (json.dumps(coco(keypoints=[1, 10**400, 2])), "annotation 0: keypoints must be a list of finite numbers"),
        (json.dumps(coco(keypoints=["a", "b", "c"])), "annotation 0: keypoints must be a list of finite numbers"),
        (json.dumps(coco(bbox=[1, 2])), "annotation 0: bbox must be x, y, width, height, not 2 values"),
    ],
)
def test_error_names_file_and_annotation(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=f"a.json.*{message}"):
        read_coco(tmp_path / "a.json")
