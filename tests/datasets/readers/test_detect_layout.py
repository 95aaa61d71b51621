from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from facelattice import geometry
from facelattice.datasets.convert import CONVERSION_FORMATS, convert_dataset
from facelattice.datasets.readers.detect_layout import read_samples, read_samples_for
from facelattice.exceptions import DataError, FormatError
from facelattice.face import Face
from facelattice.formats import write_coco, write_csv, write_dlib_xml, write_pts
from facelattice.schemes import Scheme, get_scheme, mean_shape

COCO = '{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [], "categories": []}'


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none", "there is no such file or folder"),
        (".", "not a dataset; looked for .pts files"),
        ("notes.txt", "not a dataset"),
    ],
)
def test_paths_without_a_dataset(tmp_path, path, message):
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_samples(tmp_path / path)


def test_empty_table_is_rejected(tmp_path):
    (tmp_path / "faces.csv").write_text("image,x0,y0,x1,y1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no faces in faces\.csv"):
        read_samples(tmp_path)


def test_only_a_scheme_of_the_user_is_the_default_scheme(tmp_path, write_image):
    write_image(tmp_path / "a.jpg")
    (tmp_path / "t.csv").write_text(
        "image,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4\na.jpg,1,2,3,4,5,6,7,8,9,1\n", encoding="utf-8"
    )
    mine = Scheme.from_dict({"name": "mine", "points": 5})
    assert read_samples_for(mine, tmp_path / "t.csv")[0].scheme is mine
    assert read_samples_for(get_scheme("ibug68"), tmp_path / "t.csv")[0].scheme is get_scheme("five")


def test_folder_with_two_datasets_is_ambiguous(tmp_path):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(COCO, encoding="utf-8")
    with pytest.raises(DataError, match=r"several datasets: a.json, b.json; give the path of one"):
        read_samples(tmp_path)


def test_other_files_beside_a_dataset_are_ignored(tmp_path, write_image):
    write_image(tmp_path / "a.jpg")
    (tmp_path / "a.csv").write_text(
        "image,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4\na.jpg,1,2,3,4,5,6,7,8,9,1\n", encoding="utf-8"
    )
    (tmp_path / "b.json").write_text('{"version": 1}', encoding="utf-8")
    (tmp_path / "c.csv").write_text("name,age\nrex,4\n", encoding="utf-8")
    (tmp_path / "d.xml").write_text("<project/>", encoding="utf-8")
    assert len(read_samples(tmp_path)) == 1


@pytest.mark.parametrize("format", CONVERSION_FORMATS)
def test_every_kind_is_found_in_its_folder(tmp_path, write_image, format):
    points = mean_shape(get_scheme("five")) * 40 + 5
    write_image(tmp_path / "a.png")
    write_csv(tmp_path / "in.csv", [("a.png", points, np.ones(5, bool))])
    name = {"csv": "faces.csv", "coco": "faces.json", "dlib": "faces.xml", "cvat": "faces.xml"}.get(format)
    name = "faces.json" if format == "label-studio" else name
    folder = tmp_path / "out"
    convert_dataset(tmp_path / "in.csv", folder / name if name else folder, format=format)
    (folder / "recipe.yaml").write_text("name: five\n", encoding="utf-8")
    (folder / "notes.json").write_text("{}", encoding="utf-8")
    (sample,) = read_samples(folder)
    assert sample.scheme is get_scheme("five")
    np.testing.assert_allclose(sample.points, points, atol=0.5 if format == "dlib" else 1e-3)
    if name:
        assert len(read_samples(folder / name)) == 1
    for file in [*folder.glob("*.csv"), *folder.glob("*.json"), *folder.glob("*.pts"), *folder.rglob("labels/*.txt")]:
        file.write_text(file.read_text(encoding="utf-8"), encoding="utf-16")  # as some programs on Windows do
    np.testing.assert_array_equal(read_samples(folder)[0].points, sample.points)


def test_folder_with_labelme_and_another_dataset_is_ambiguous(tmp_path):
    (tmp_path / "a.json").write_text('{"shapes": [], "imagePath": "a.jpg"}', encoding="utf-8")
    (tmp_path / "b.json").write_text(COCO, encoding="utf-8")
    with pytest.raises(DataError, match=r"several datasets: the .json files of labelme, b.json; give the path of one"):
        read_samples(tmp_path)


def test_yaml_of_another_kind_is_no_dataset(tmp_path):
    (tmp_path / "recipe.yaml").write_text("name: dog\n", encoding="utf-8")
    with pytest.raises(DataError, match="not a dataset"):
        read_samples(tmp_path)
    with pytest.raises(FormatError, match=r"recipe\.yaml: kpt_shape must be"):
        read_samples(tmp_path / "recipe.yaml")


def test_single_file_of_a_folder_is_read_whatever_it_contains(tmp_path):
    (tmp_path / "c.csv").write_text("name,age\nrex,4\n", encoding="utf-8")
    with pytest.raises(FormatError, match=r"c.csv, line 1: the column 'image' is missing"):
        read_samples(tmp_path)


def test_annotations_beside_images(tmp_path, write_image):
    image = write_image(tmp_path / "images" / "default" / "a.jpg")
    (tmp_path / "annotations").mkdir()
    annotation = {"image_id": 1, "category_id": 1, "keypoints": [1, 2, 2, 3, 4, 2, 5, 6, 2, 7, 8, 2, 9, 1, 2]}
    content = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [annotation]}
    (tmp_path / "annotations" / "person_keypoints_default.json").write_text(json.dumps(content), encoding="utf-8")
    assert [sample.path for sample in read_samples(tmp_path)] == [image]


def test_images_must_exist(tmp_path):
    (tmp_path / "t.csv").write_text(
        "image,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4\na.jpg,1,2,3,4,5,6,7,8,9,1\n", encoding="utf-8"
    )
    with pytest.raises(DataError, match="none of its 1 images is found"):
        read_samples(tmp_path / "t.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_fifo_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(DataError, match=r"t\.csv: is neither a file nor a folder"):
        read_samples(tmp_path / "t.csv")
    with pytest.raises(DataError, match="not a dataset"):
        read_samples(tmp_path)


@pytest.mark.parametrize("format", ["csv", "coco", "dlib", "pts"])
def test_groups_are_the_same_in_all_formats(tmp_path, write_image, format):
    points = np.array([[1, 2], [30, 4], [5, 60], [7, 8], [90, 10]], np.float32)
    face = Face(points, np.ones(5), 1.0, geometry.points_box(points), get_scheme("five"))
    numbered = [f"img_{i:02}" for i in range(24)]
    for names, expected in ((numbered, set(numbered)), (["ann_1", "ann_2", "ann_3", "bob_1"], {"ann", "bob"})):
        folder = tmp_path / f"{len(names)}"
        images = [write_image(folder / f"{name}.png") for name in names]
        faces = [(image.name, [face]) for image in images]
        if format == "csv":
            write_csv(folder / "faces.csv", [(image.name, points, np.ones(5, bool)) for image in images])
        elif format == "coco":
            write_coco(folder / "faces.json", faces)
        elif format == "dlib":
            write_dlib_xml(folder / "faces.xml", faces)
        else:
            for image in images:
                write_pts(image.with_suffix(".pts"), points)
        samples = read_samples(folder)
        assert len(samples) == len(names)
        assert {sample.group for sample in samples} == expected


def test_urls_are_not_fetched():
    for path in (Path("https://example.org/points.csv"), "https://example.org/points.csv"):
        with pytest.raises(DataError, match="URLs are not fetched; download the dataset and pass its path"):
            read_samples(Path(path))
