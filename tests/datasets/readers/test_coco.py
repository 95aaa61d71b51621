from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facelattice.datasets.readers import coco
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.exceptions import DataError
from facelattice.schemes import Scheme

VISIBLE = [5, 6, 2, 7, 8, 2, 9, 9, 2]


def write_coco(path: Path, keypoints: list[Any], names=("a", "b", "c"), **changes: Any) -> Path:
    content = {
        "images": [{"id": 7, "file_name": "photo.jpg"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "keypoints": keypoints, "bbox": [1, 2, 3, 4]}],
        "categories": [{"id": 1, "name": "dog", "keypoints": list(names), "skeleton": [[1, 3]]}],
    }
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return path


def dog() -> Scheme:
    return Scheme.from_dict({"name": "dog", "points": 3})


def test_category_describes_the_scheme(tmp_path):
    (sample,) = coco.read(write_coco(tmp_path / "dogs.json", [5, 6, 2, 7, 8, 1, 0, 0, 0])).samples
    assert (sample.scheme.name, sample.scheme.names, sample.scheme.lines) == ("dog", ("a", "b", "c"), ((0, 2),))
    assert sample.points[:2].tolist() == [[5, 6], [7, 8]]
    assert sample.mask.tolist() == [True, True, False]
    assert sample.hidden.tolist() == [False, True, False]
    assert sample.visible.tolist() == [True, False, False]
    assert sample.dataset_box.tolist() == [1, 2, 4, 6]
    assert sample.path == tmp_path / "photo.jpg"


def test_images_may_be_in_a_folder_beside_the_file(tmp_path, write_image):
    image = write_image(tmp_path / "images" / "photo.jpg")
    (sample,) = coco.read(write_coco(tmp_path / "dogs.json", VISIBLE)).samples
    assert sample.path == image


def test_points_without_names_need_a_scheme(tmp_path):
    file = write_coco(tmp_path / "dogs.json", VISIBLE, names=())
    with pytest.raises(DataError, match=r"face 1 \(photo.jpg\): no built-in scheme has 3 points"):
        coco.read(file)
    assert len(coco.read(file, scheme=dog()).samples) == 1


@pytest.mark.parametrize("skeleton", [["ab"], [[1, None]], [[1, [2, 3]]], 5, [[0, 1]]])
def test_wrong_skeleton_is_rejected(tmp_path, skeleton):
    category = {"id": 1, "name": "dog", "keypoints": ["a", "b", "c"], "skeleton": skeleton}
    file = write_coco(tmp_path / "dogs.json", VISIBLE, categories=[category])
    with pytest.raises(DataError, match=r"dogs\.json: the names of its points are not a point scheme: "):
        coco.read(file)


def test_names_that_occur_twice_are_rejected(tmp_path):
    with pytest.raises(DataError, match=r"points: 'a' occurs 3 times"):
        coco.read(write_coco(tmp_path / "dogs.json", VISIBLE, names="aaa"))


def test_file_without_categories(tmp_path):
    file = write_coco(tmp_path / "dogs.json", VISIBLE, categories=None)
    assert len(coco.read(file, scheme=dog()).samples) == 1


def test_face_with_one_point_is_rejected(tmp_path):
    with pytest.raises(DataError, match="fewer than two points"):
        coco.read(write_coco(tmp_path / "dogs.json", [5, 6, 2, 0, 0, 0, 0, 0, 0]))


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "scheme", "faces", "hidden"),
    [("300w", "ibug68", 2, 0), ("wflw", "wflw98", 4, 0), ("cofw", "cofw29", 2, 15), ("aflw", "aflw19", 2, 0)],
)
def test_real_files(shared_data, name, scheme, faces, hidden):
    samples = read_samples(shared_data / "coco-json" / name)
    assert ({sample.scheme.name for sample in samples}, len(samples)) == ({scheme}, faces)
    assert sum(int(sample.hidden.sum()) for sample in samples) == hidden
    assert all(sample.path.exists() and sample.mask.all() for sample in samples)
    inside = [np.mean(sample.points >= sample.dataset_box[:2]) for sample in samples]
    assert min(inside) > 0.9


@pytest.mark.data
def test_real_file_of_106_points_is_that_of_jd(shared_data):
    samples = read_samples(shared_data / "coco-json" / "lapa")
    assert [(sample.scheme.name, len(sample.points)) for sample in samples] == [("jd106", 106)] * 2
