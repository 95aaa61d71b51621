"""COFW as the README of COFW.zip and Burgos-Artizzu et al., ICCV 2013, describe it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from facelattice.datasets.readers import cofw
from facelattice.exceptions import DataError
from facelattice.image_io import load_image

RNG = np.random.default_rng(0)
COLOR, GRAY = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8), RNG.integers(0, 256, (12, 9), dtype=np.uint8)
SHAPE = np.concatenate([np.arange(29) + 1.5, 2 * np.arange(29) + 1.0, np.arange(29) % 2])  # x, y, occluded; from 1

pytestmark = pytest.mark.usefixtures("cache", "parse_here")


def write_cofw(path: Path, suffix: str = "T", shapes=None, boxes: bool = True, photos=(COLOR, GRAY)) -> Path:
    """Write a file as MATLAB 7.3 does: axes reversed, a cell array as references to datasets in #refs#."""
    shapes = np.stack([SHAPE, SHAPE + 1]) if shapes is None else shapes
    with h5py.File(path, "w") as file:
        images = [file.create_dataset(f"#refs#/{i}", data=p.T) for i, p in enumerate(photos)]
        cell = file.create_dataset(f"Is{suffix}", (1, 2), dtype=h5py.ref_dtype)
        cell[0, :] = [image.ref for image in images]
        file[f"phis{suffix}"] = shapes.T
        if boxes:
            file[f"bboxes{suffix}"] = np.array([[1, 2, 10, 20], [3, 4, 5, 6]], float).T
    return path


def test_file(tmp_path, cache):
    first, second = cofw.read(write_cofw(tmp_path / "COFW_test_color.mat"))
    assert first.scheme.name == "cofw29"
    assert first.points[3].tolist() == [3.5, 6]
    assert first.hidden.tolist() == [i % 2 == 1 for i in range(29)]
    assert first.visible.tolist() == [i % 2 == 0 for i in range(29)]
    assert first.dataset_box.tolist() == [0, 1, 10, 21]
    assert (first.protocol, first.group != second.group) == ("cofw", True)
    assert np.array_equal(load_image(first.path), COLOR)
    assert np.array_equal(load_image(second.path), np.repeat(GRAY[:, :, None], 3, axis=2))
    assert first.path.is_relative_to(cache)


def test_photos_are_extracted_once(tmp_path):
    file = write_cofw(tmp_path / "COFW_test_color.mat")
    path = cofw.read(file)[0].path
    before = path.stat().st_mtime_ns
    assert cofw.read(file)[0].path == path
    assert path.stat().st_mtime_ns == before


def test_folder_with_both_files_needs_a_subset(tmp_path):
    write_cofw(tmp_path / "COFW_test_color.mat")
    assert len(cofw.read(tmp_path)) == 2
    assert cofw.find_test_subset(tmp_path) is None
    write_cofw(tmp_path / "COFW_train_color.mat", "Tr")
    assert cofw.find_test_subset(tmp_path) == "test"
    with pytest.raises(DataError, match=": choose a subset: train, test"):
        cofw.read(tmp_path)
    assert len(cofw.read(tmp_path, "train")) == len(cofw.read(tmp_path, "test")) == 2


def test_wrong_content_is_rejected(tmp_path):
    file = tmp_path / "COFW_test_color.mat"
    with pytest.raises(DataError, match=r"no variable bboxesT; found .*phisT"):
        cofw.read(write_cofw(file, boxes=False))
    with pytest.raises(DataError, match=r"phisT of 2 photos has the shape \(3, 87\); expected \(2, 87\)"):
        cofw.read(write_cofw(file, shapes=np.zeros((3, 87))))
    with pytest.raises(DataError, match="face 1: fewer than two points"):
        cofw.read(write_cofw(file, shapes=np.full((2, 87), np.nan)))


@pytest.mark.parametrize(
    "photo",
    [np.zeros((4, 5, 2), np.uint8), np.zeros((4, 5, 3, 1), np.uint8), np.zeros((0, 5), np.uint8), np.zeros((4, 5))],
)
def test_photo_of_a_wrong_shape_is_rejected(tmp_path, photo):
    with pytest.raises(DataError, match="photo 2 is not an image of 8-bit numbers"):
        cofw.read(write_cofw(tmp_path / "COFW_test_color.mat", photos=(COLOR, photo)))
