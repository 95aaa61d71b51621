from __future__ import annotations

import os

import pytest

from facelattice.datasets.readers import yolo
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.exceptions import DataError
from facelattice.schemes import Scheme

DOG = Scheme.from_dict({"name": "dog", "points": ["left_eye", "right_eye", "nose"]})


def write(folder):
    """A dataset without names of points, with three values for each of three points."""
    folder.mkdir(exist_ok=True)
    for split in ("train", "val"):
        (folder / split / "labels").mkdir(parents=True)
        (folder / split / "labels" / "a.txt").write_text("0 .5 .5 .5 .5 .25 .5 2 .75 .5 1 0 0 0\n", encoding="utf-8")
    text = "train: train/images\nval: val/images\nkpt_shape: [3, 3]\nnames: [dog]\n"
    (folder / "data.yaml").write_text(text, encoding="utf-8")
    return folder / "data.yaml"


def test_split_is_the_subset(tmp_path, write_image):
    file = write(tmp_path / "yolo")
    image, _ = (write_image(tmp_path / "yolo" / split / "images" / "a.png") for split in ("train", "val"))
    (sample,) = yolo.read(file, "train", DOG).samples
    assert sample.path == image
    assert sample.points[:2].tolist() == [[19.5, 29.5], [59.5, 29.5]]  # of 80 x 60 pixels
    assert sample.dataset_box.tolist() == [19.5, 14.5, 59.5, 44.5]
    assert sample.hidden.tolist() == [False, True, False]
    assert [s.path for s in read_samples(tmp_path / "yolo", "train", DOG)] == [image]


def test_points_without_names_need_a_scheme(tmp_path, write_image):
    file = write(tmp_path)
    write_image(tmp_path / "train" / "images" / "a.png")
    (tmp_path / "val" / "images").mkdir()
    with pytest.raises(DataError, match="no built-in scheme has 3 points"):
        yolo.read(file, "train")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_fifo_among_the_images_is_passed_over(tmp_path, write_image):
    file = write(tmp_path)
    image = write_image(tmp_path / "train" / "images" / "a.png")
    (tmp_path / "val" / "images").mkdir()
    os.mkfifo(tmp_path / "train" / "images" / "b.png")
    assert [sample.path for sample in yolo.read(file, "train", DOG).samples] == [image]
