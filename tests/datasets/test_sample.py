from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facelattice import geometry
from facelattice.datasets.readers import csv, w300, wflw
from facelattice.datasets.sample import (
    Sample,
    convert_samples,
    full_face_box,
    infer_scheme,
    make_sample,
    mean_shape_of,
    to_common_scheme,
)
from facelattice.exceptions import DataError
from facelattice.schemes import Scheme, get_scheme, mean_shape

IBUG, WFLW, FIVE = get_scheme("ibug68"), get_scheme("wflw98"), get_scheme("five")


def mean_face(scheme: Scheme, rotation: float = 0.0, scale: float = 200.0, center=(300, 250)) -> Sample:
    """A sample of the scheme's mean shape, rotated, scaled and moved."""
    matrix = geometry.crop_transform(np.array([0.0, 0, 1, 1]), 2, 2 / scale, rotation)
    matrix[:, 2] = np.array(center) - matrix[:, :2] @ [0.5, 0.5]
    return make_sample(Path("a.jpg"), geometry.apply(matrix, mean_shape(scheme)), scheme, "a", "here")


# --- make_sample and infer_scheme


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((4, 2)), "here: 4 points, but the scheme five has 5"),
        (np.where(np.arange(5)[:, None] < 1, 1.0, np.nan) + np.zeros((5, 2)), "here: fewer than two points"),
        (np.arange(10.0).reshape(5, 2) * 1e8, "here: coordinates of 9e\\+08 px are too large"),
        (np.full((5, 2), 3.0), r"here: all points lie in one place, \[3.0, 3.0\]"),
    ],
)
def test_wrong_points_are_rejected(points, message):
    with pytest.raises(DataError, match=message):
        make_sample(Path("a.jpg"), points, FIVE, "a", "here")


def test_scheme_is_inferred_from_the_number_of_points():
    mine = Scheme.from_dict({"name": "mine", "points": 3})
    assert infer_scheme(68, None, "here") is IBUG
    assert infer_scheme(3, mine, "here") is mine
    with pytest.raises(DataError, match=r"here: no built-in scheme has 3 points .*68 \(ibug68\).*YAML"):
        infer_scheme(3, None, "here")


# --- conversion


def test_68_98_and_5_points_are_mixed_with_masks():
    mixed = convert_samples([mean_face(IBUG), mean_face(WFLW), mean_face(FIVE)], IBUG, mean_shape(IBUG))
    assert [sample.scheme for sample in mixed] == [IBUG] * 3
    assert [sample.points.shape for sample in mixed] == [(68, 2)] * 3
    assert [int(sample.mask.sum()) for sample in mixed] == [68, 68, 3]
    assert np.flatnonzero(mixed[2].mask).tolist() == [30, 48, 54]  # 68 points have no eye centers
    assert np.isnan(mixed[2].points[~mixed[2].mask]).all()
    np.testing.assert_allclose(mixed[1].points, mean_face(IBUG).points, atol=1e-3)
    np.testing.assert_allclose(mixed[2].points[30], mean_face(FIVE).points[2], atol=1e-3)


@pytest.mark.parametrize("rotation", [0, 35, -90])
@pytest.mark.parametrize("source", [WFLW, FIVE], ids=["wflw98", "five"])
def test_converted_box_is_that_of_the_whole_face(source, rotation):
    expected = mean_face(IBUG, rotation).box
    (converted,) = convert_samples([mean_face(source, rotation)], IBUG, mean_shape(IBUG))
    assert geometry.iou(converted.box, expected) > 0.93
    assert geometry.box_side(mean_face(FIVE).box) < 0.6 * geometry.box_side(mean_face(IBUG).box)  # without conversion


def test_box_of_a_partly_annotated_face_covers_the_whole_face_and_all_points():
    whole = mean_face(IBUG, 20)
    mask = np.arange(68) >= 17  # without the jaw
    points = np.where(mask[:, None], whole.points, np.nan)
    partial = replace(whole, points=points, mask=mask, box=geometry.points_box(points, mask))
    assert geometry.iou(partial.box, whole.box) < 0.6
    assert geometry.iou(convert_samples([partial], IBUG, mean_shape(IBUG))[0].box, whole.box) > 0.99
    partial.points[40] = (0, 0)  # far outside the mean shape
    assert full_face_box(partial, IBUG, mean_shape(IBUG))[:2].tolist() == [0, 0]


def test_box_is_kept_without_a_mean_shape():
    sample = mean_face(FIVE)
    assert convert_samples([sample], IBUG, None)[0].box is sample.box


def test_samples_without_a_shared_point_are_left_out():
    sample = mean_face(WFLW)
    mask = np.zeros(98, bool)
    mask[96:] = True  # the pupils, which 68 points do not have
    pupils = replace(sample, mask=mask)
    assert convert_samples([pupils], IBUG, mean_shape(IBUG)) == []
    with pytest.raises(DataError, match="none of the 1 faces, wflw98, shares a point with ibug68"):
        to_common_scheme([pupils], IBUG)
    with pytest.raises(ValueError, match="no conversion"):
        convert_samples([sample], get_scheme("aflw19"), None)


def test_one_shared_point_is_enough():
    sample = mean_face(FIVE)
    nose = np.arange(5) == 2
    sample = replace(sample, points=np.where(nose[:, None], sample.points, np.nan), mask=nose)
    (kept,) = convert_samples([sample], IBUG, None)
    assert np.flatnonzero(kept.mask).tolist() == [30]
    assert kept.box is sample.box


def test_mean_of_several_points_is_hidden_with_any_of_them_and_visible_with_all():
    hidden = np.isin(np.arange(68), [0, 37, 48])  # start of the jaw, one of six at the left eye, a mouth corner
    visible = ~np.isin(np.arange(68), [37, 44, 48, 54])
    (five,) = convert_samples([replace(mean_face(IBUG), hidden=hidden, visible=visible)], FIVE, mean_shape(FIVE))
    assert five.hidden.tolist() == [True, False, False, True, False]
    assert five.visible.tolist() == [False, False, True, False, False]


def test_mean_shape_is_over_complete_faces_in_their_own_boxes():
    whole = mean_face(IBUG)
    expected = (whole.points - geometry.box_center(whole.box)) / geometry.box_side(whole.box)
    incomplete = replace(whole, mask=np.arange(68) > 3)
    mean = mean_shape_of([mean_face(IBUG, scale=50), mean_face(IBUG, scale=900, center=(9, 9)), incomplete])
    np.testing.assert_allclose(mean, expected, atol=1e-4)
    assert mean_shape_of([incomplete]) is None


@pytest.mark.data
def test_real_datasets_of_three_schemes_are_mixed(shared_data):
    sources = [
        w300.read(shared_data / "300W" / "afw")[:50],
        wflw.read(shared_data / "WFLW", "train")[:50],
        csv.read(shared_data / "mtfl5" / "points.csv").samples[::500],
    ]
    mean = mean_shape_of([s for samples in sources for s in convert_samples(samples, IBUG, None)])
    mixed = [convert_samples(samples, IBUG, mean) for samples in sources]
    assert [len(samples) for samples in mixed] == [50, 50, len(sources[2])]
    for sample in mixed[2]:  # crops of 80 px around heads: the box of 68 points is 30 to 80 px
        assert 25 < geometry.box_side(sample.box) < 90
