from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelattice.exceptions import FormatError, ImageError, MissingDependencyError
from facelattice.formats.yolo import read_yolo_file

YAML = "train: {train}\nval: images\nkpt_shape: [2, 3]\nnames: [face]\n"
LABEL = "0 0.5 0.5 0.25 0.5 0.25 0.75 2 0.5 0.25 1\n"


@pytest.fixture
def dataset(tmp_path) -> Path:
    """A dataset of one image of 80 x 60 px with a face of two points."""
    write_image(tmp_path / "images" / "a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text(LABEL, encoding="utf-8")
    (tmp_path / "data.yaml").write_text(YAML.format(train="images"), encoding="utf-8")
    return tmp_path / "data.yaml"


def write_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((60, 80, 3), np.uint8))


def test_coordinates_are_fractions_of_the_image(dataset):
    (face,) = read_yolo_file(dataset).faces
    assert face.image == "images/a.png"
    assert face.points.tolist() == [[19.5, 44.5], [39.5, 14.5]]  # they count from the corner of the image
    assert face.box.tolist() == [29.5, 14.5, 49.5, 44.5]
    assert face.hidden.tolist() == [False, True]
    assert face.visible.tolist() == [True, False]


def test_two_values_for_each_point(dataset):
    dataset.write_text("train: images\nkpt_shape: [3, 2]\n", encoding="utf-8")
    label = dataset.parent / "labels" / "a.txt"
    label.write_text("0 0.5 0.5 0.25 0.5 0.25 0.75 0 0 0.5 0.25\n\n", encoding="utf-8")
    (face,) = read_yolo_file(dataset).faces
    assert face.mask.tolist() == [True, False, True]
    assert not face.visible.any()


@pytest.mark.parametrize("names", ["{0: [nose, chin]}", "[[nose, chin]]", "[nose, chin]"])
def test_names_of_points(dataset, names):
    dataset.write_text(f"{YAML.format(train='images')}kpt_names: {names}\n", encoding="utf-8")
    assert read_yolo_file(dataset).names == ("nose", "chin")


def test_splits(dataset):
    folder = dataset.parent
    write_image(folder / "train" / "images" / "b.png")
    (folder / "train" / "labels").mkdir()
    (folder / "train" / "labels" / "b.txt").write_text(LABEL * 2, encoding="utf-8")
    write_image(folder / "train" / "images" / "empty.png")  # without a face
    dataset.write_text(YAML.format(train="../train/images"), encoding="utf-8")  # as Roboflow has it
    assert [face.image for face in read_yolo_file(dataset, "train").faces] == ["train/images/b.png"] * 2
    assert len(read_yolo_file(dataset, "val").faces) == 1
    with pytest.raises(FormatError, match="contains several sets of images; choose a subset: train, val"):
        read_yolo_file(dataset)
    with pytest.raises(FormatError, match="there is no 'test'; found train, val"):
        read_yolo_file(dataset, "test")


def test_root_and_list_of_images(dataset):
    folder = dataset.parent
    (folder / "list.txt").write_text("images\\a.png\n", encoding="utf-8")
    (folder / "cfg").mkdir()
    text = "path: ..\ntrain: list.txt\nkpt_shape: [2, 3]\n"
    (folder / "cfg" / "data.yaml").write_text(text, encoding="utf-8")
    assert [face.image for face in read_yolo_file(folder / "cfg" / "data.yaml").faces] == ["../images/a.png"]
    (folder / "list.txt").write_text("images/a.png\nimages/b.png\n", encoding="utf-8")
    with pytest.raises(FormatError, match=r"list.txt: 1 of its images do not exist, such as .*b\.png"):
        read_yolo_file(folder / "cfg" / "data.yaml")


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("0 0.5 0.5 0.25 0.5 0.25 0.75 2\n", "line 1: 8 values, but kpt_shape in data.yaml needs 11"),
        ("\n" + LABEL.replace("0.75", "nan"), "line 2: expected a number, not 'nan'"),
        (LABEL.replace("0.75", "x"), "line 1: expected a number, not 'x'"),
        (LABEL.replace("0.75", "45"), "line 1: 45 is no fraction of the image; is it in pixels?"),
        (LABEL.replace(" 2 ", " 3 "), "line 1: the third value of a keypoint is 0, 1 or 2"),
    ],
)
def test_error_names_the_line(dataset, label, message):
    (dataset.parent / "labels" / "a.txt").write_text(label, encoding="utf-8")
    with pytest.raises(FormatError, match=rf"labels.a\.txt, {message}"):
        read_yolo_file(dataset)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a data.yaml of YOLO"),
        ("a: [", "while parsing"),
        ("train: &a images\nval: *a\nkpt_shape: [2, 3]", "aliases"),
        ("train: images", "kpt_shape must be the number of points and of their values, not None"),
        ("train: images\nkpt_shape: [2, 4]", r"kpt_shape must be \[N, 2\] or \[N, 3\], not \[2, 4\]"),
        ("train: images\nkpt_shape: [1000000000, 3]", r"kpt_shape must be \[N, 2\] or \[N, 3\]"),
        ("kpt_shape: [2, 3]", "the key train is missing, the folder of the images"),
        ("train: 3\nkpt_shape: [2, 3]", "train must be a folder of images, not 3"),
        ("train: \\\\\nkpt_shape: [2, 3]", "which is the whole disk"),
        ("train: photos\nkpt_shape: [2, 3]", "train is 'photos', but there is no folder"),
        ("train: images\nkpt_shape: [2, 3]\nkpt_names: [nose]", r"kpt_names must be 2 names, not \['nose'\]"),
    ],
)
def test_error_names_data_yaml(dataset, text, message):
    dataset.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=rf"data\.yaml: .*{message}"):
        read_yolo_file(dataset)


def test_damaged_image(dataset):
    (dataset.parent / "images" / "a.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"a\.png: not an image"):
        read_yolo_file(dataset)


def test_missing_pyyaml_is_named(dataset, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingDependencyError, match=r"facelattice\[evaluate\]"):
        read_yolo_file(dataset)
