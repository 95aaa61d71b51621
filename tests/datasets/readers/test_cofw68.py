"""COFW68 as the README and VisualizeAnnotations.m of github.com/golnazghiasi/cofw68-benchmark describe it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from facelattice.datasets.readers import cofw68
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.exceptions import DataError
from facelattice.image_io import load_image
from facelattice.schemes import get_scheme, mean_shape

PHOTO = np.full((20, 30, 3), 7, np.uint8)

pytestmark = pytest.mark.usefixtures("cache", "parse_here")


def write_photos(folder: Path) -> None:
    cell = np.empty((1, 2), object)
    cell[0, :] = [PHOTO, PHOTO]
    content = {"IsT": cell, "phisT": np.ones((2, 87)), "bboxesT": np.ones((2, 4))}
    scipy.io.savemat(folder / "COFW_test_color.mat", content)


def write_annotations(folder: Path) -> Path:
    annotations = folder / "COFW68_Data" / "test_annotations"
    annotations.mkdir(parents=True)
    points = mean_shape(get_scheme("ibug68")) * 50 + 1
    for number in (1, 2):
        occluded = (np.arange(68) < number)[:, None].astype(np.uint8)
        scipy.io.savemat(annotations / f"{number}_points.mat", {"Points": np.float64(points), "Occ": occluded})
    boxes = np.array([[1, 2, 10, 20], [3, 4, 5, 6]], float)
    scipy.io.savemat(annotations.parent / "cofw68_test_bboxes.mat", {"bboxes": boxes})
    return annotations


def test_annotations_use_the_photos_of_cofw(tmp_path):
    annotations = write_annotations(tmp_path)
    with pytest.raises(DataError, match=r"put COFW_test_color\.mat beside it"):
        read_samples(tmp_path)
    write_photos(tmp_path)
    first, second = read_samples(tmp_path / "COFW68_Data")
    assert np.allclose(first.points, mean_shape(get_scheme("ibug68")) * 50, atol=1e-4)
    assert (first.hidden.sum(), second.hidden.sum(), second.protocol) == (1, 2, "cofw68")
    assert second.dataset_box.tolist() == [2, 3, 7, 9]
    assert load_image(first.path).shape == PHOTO.shape
    scipy.io.savemat(annotations / "3_points.mat", {"Points": np.zeros((68, 2)), "Occ": np.zeros(68)})
    with pytest.raises(DataError, match=r"3_points.mat: there is no photo 3; COFW_test_color.mat has 2"):
        cofw68.read(annotations)


def test_folder_with_cofw_and_cofw68_is_ambiguous(tmp_path):
    write_annotations(tmp_path)
    write_photos(tmp_path)
    with pytest.raises(DataError, match=r"several datasets: the .mat files of COFW, the test_annotations of COFW68"):
        read_samples(tmp_path)


def test_there_are_no_subsets(tmp_path):
    write_annotations(tmp_path)
    with pytest.raises(DataError, match="COFW68 has no subsets, so there is no 'train'"):
        cofw68.read(tmp_path, "train")
