from __future__ import annotations

import numpy as np
import pytest

from facelattice.datasets.readers.check import check_samples
from facelattice.datasets.sample import make_sample
from facelattice.exceptions import DataError
from facelattice.schemes import get_scheme, mean_shape


def make(path, points=None):
    points = mean_shape(get_scheme("five")) * 100 + 10 if points is None else points
    return make_sample(path, points, get_scheme("five"), "a", "here")


def test_dataset_without_any_image_is_an_error(tmp_path, write_image):
    samples = [make(tmp_path / "a.jpg"), make(tmp_path / "b.jpg")]
    with pytest.raises(DataError, match=r"data: none of its 2 images is found; the first was looked for at .*a\.jpg"):
        check_samples(tmp_path / "data", samples)
    write_image(tmp_path / "b.jpg")
    check_samples(tmp_path / "data", samples)


def test_error_names_all_folders_of_an_annotation_file(tmp_path):
    (tmp_path / "t.csv").touch()
    with pytest.raises(DataError, match=r"looked for at .*a\.jpg, also in .*images"):
        check_samples(tmp_path / "t.csv", [make(tmp_path / "a.jpg")])


@pytest.mark.parametrize("value", [0, -1, -2])
def test_points_that_look_like_missing_ones_are_counted(tmp_path, write_image, caplog, value):
    points = np.where(np.arange(5)[:, None] < 2, value, mean_shape(get_scheme("five")) * 100 + 10)
    check_samples(tmp_path, [make(write_image(tmp_path / "a.jpg"), points)] * 3)
    assert caplog.messages == [
        f"{tmp_path}: 6 points are at exactly 0,0 or -1,-1; leave them empty if they are missing"
    ]


def test_other_points_are_no_reason_for_a_warning(tmp_path, write_image, caplog):
    check_samples(tmp_path, [make(write_image(tmp_path / "a.jpg"))])
    assert caplog.messages == []


def test_fractions_of_the_image_are_no_pixels(tmp_path, write_image):
    samples = [make(write_image(tmp_path / "a.jpg"), mean_shape(get_scheme("five")))] * 2
    with pytest.raises(DataError, match="data: all coordinates are from 0 to 1; multiply them by the size"):
        check_samples(tmp_path / "data", samples)
