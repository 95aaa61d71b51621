"""COCO JSON and dlib's XML as data sets."""

from __future__ import annotations

import json

import numpy as np
import pytest

from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.exceptions import DataError
from facelattice.schemes import Scheme


def coco(path, keypoints, names=("a", "b", "c"), **changes):
    content = {
        "images": [{"id": 7, "file_name": "photo.jpg"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "keypoints": keypoints, "bbox": [1, 2, 3, 4]}],
        "categories": [{"id": 1, "name": "dog", "keypoints": list(names), "skeleton": [[1, 3]]}],
    }
    path.write_text(json.dumps(content | changes))
    return path


def test_a_category_is_a_scheme(tmp_path):
    (sample,) = read_samples(coco(tmp_path / "dogs.json", [5, 6, 2, 7, 8, 1, 0, 0, 0]))
    assert (sample.scheme.name, sample.scheme.names, sample.scheme.lines) == ("dog", ("a", "b", "c"), ((0, 2),))
    assert sample.points[:2].tolist() == [[5, 6], [7, 8]]
    assert sample.mask.tolist() == [True, True, False]
    assert sample.hidden.tolist() == [False, True, False]
    assert sample.dataset_box.tolist() == [1, 2, 4, 6]
    assert sample.path == tmp_path / "photo.jpg"


def test_images_in_a_folder_beside_the_file(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "photo.jpg").touch()
    (sample,) = read_samples(coco(tmp_path / "dogs.json", [5, 6, 2, 7, 8, 2, 9, 9, 2]))
    assert sample.path == tmp_path / "images" / "photo.jpg"


def test_points_that_nobody_describes_need_a_scheme(tmp_path):
    file = coco(tmp_path / "dogs.json", [5, 6, 2, 7, 8, 2, 9, 9, 2], names=())
    with pytest.raises(DataError, match=r"face 1 \(photo.jpg\): no built-in scheme has 3 points"):
        read_samples(file)
    assert len(read_samples(file, scheme=Scheme.from_dict({"name": "dog", "points": 3}))) == 1
    with pytest.raises(DataError, match="its category is no point scheme: points: 'a' stands 3 times"):
        read_samples(coco(tmp_path / "dogs.json", [5, 6, 2, 7, 8, 2, 9, 9, 2], names="aaa"))


@pytest.mark.parametrize("skeleton", [["ab"], [[1, None]], [[1, [2, 3]]], 5, [[0, 1]]])
def test_a_skeleton_that_is_none(tmp_path, skeleton):
    category = {"id": 1, "name": "dog", "keypoints": ["a", "b", "c"], "skeleton": skeleton}
    file = coco(tmp_path / "dogs.json", [5, 6, 2, 7, 8, 2, 9, 9, 2], categories=[category])
    with pytest.raises(DataError, match=r"dogs\.json: its category is no point scheme: "):
        read_samples(file)


def test_no_categories_at_all(tmp_path):
    file = coco(tmp_path / "dogs.json", [5, 6, 2, 7, 8, 2, 9, 9, 2], categories=None)
    assert len(read_samples(file, scheme=Scheme.from_dict({"name": "dog", "points": 3}))) == 1


def test_one_point_is_no_face(tmp_path):
    with pytest.raises(DataError, match="fewer than two points"):
        read_samples(coco(tmp_path / "dogs.json", [5, 6, 2, 0, 0, 0, 0, 0, 0]))


def test_dlibs_xml(tmp_path):
    parts = "".join(f'<part name="{i:02}" x="{i}" y="{i * i}"/>' for i in range(5))
    box = f'<box top="2" left="1" width="10" height="20">{parts}</box>'
    (tmp_path / "faces.xml").write_text(f'<dataset><images><image file="photo.jpg">{box}</image></images></dataset>')
    (sample,) = read_samples(tmp_path)
    assert (sample.scheme.name, sample.points[3].tolist()) == ("five", [3, 9])
    assert sample.dataset_box.tolist() == [1, 2, 10, 21]
    with pytest.raises(DataError, match="has no subsets"):
        read_samples(tmp_path, "train")


def test_two_files_in_a_folder_do_not_tell_which(tmp_path):
    coco(tmp_path / "a.json", [5, 6, 2, 7, 8, 2, 9, 9, 2])
    coco(tmp_path / "b.json", [5, 6, 2, 7, 8, 2, 9, 9, 2])
    with pytest.raises(DataError, match=r"several things fit: a.json, b.json; give the path of one"):
        read_samples(tmp_path)


def test_files_of_other_things_beside_a_data_set_are_no_second_one(tmp_path):
    coco(tmp_path / "a.json", [5, 6, 2, 7, 8, 2, 9, 9, 2])
    (tmp_path / "b.json").write_text('{"version": 1}')
    (tmp_path / "c.csv").write_text("name,age\nrex,4\n")
    (tmp_path / "d.xml").write_text("<project/>")
    assert len(read_samples(tmp_path)) == 1
    for file in ("a.json", "b.json", "d.xml"):
        (tmp_path / file).unlink()
    with pytest.raises(DataError, match=r"c.csv, line 1: the column 'image' is missing"):  # alone, it must be meant
        read_samples(tmp_path)


@pytest.mark.parametrize(
    ("name", "scheme", "faces", "hidden"),
    [("300w", "ibug68", 2, 0), ("wflw", "wflw98", 4, 0), ("cofw", "cofw29", 2, 15), ("aflw", "aflw19", 2, 0)],
)
def test_real_coco(shared_data, name, scheme, faces, hidden):
    samples = read_samples(shared_data / "coco-json" / name)
    assert ({sample.scheme.name for sample in samples}, len(samples)) == ({scheme}, faces)
    assert sum(int(sample.hidden.sum()) for sample in samples) == hidden
    assert all(sample.path.exists() and sample.mask.all() for sample in samples)
    inside = [np.mean(sample.points >= sample.dataset_box[:2]) for sample in samples]
    assert min(inside) > 0.9


def test_real_lapa_has_no_built_in_scheme(shared_data):
    with pytest.raises(DataError, match="no built-in scheme has 106 points"):
        read_samples(shared_data / "coco-json" / "lapa")
    lapa = Scheme.from_dict({"name": "lapa106", "points": 106})
    assert [len(s.points) for s in read_samples(shared_data / "coco-json" / "lapa", scheme=lapa)] == [106, 106]
