import numpy as np
import pytest

from facelattice import geometry
from facelattice.exceptions import ArgumentError, SchemeError
from facelattice.masks import REGIONS, face_mask
from facelattice.schemes import Scheme, get_scheme, mean_shape

SHAPE = (400, 360, 3)


def face(scheme_name: str, rotation: float = 0.0) -> tuple[np.ndarray, Scheme]:
    scheme = get_scheme(scheme_name)
    matrix = geometry.crop_transform(np.array([0, 0, 1, 1]), 360, 1.8, rotation)
    return geometry.apply(matrix, mean_shape(scheme)) + np.array([0, 40], np.float32), scheme


@pytest.mark.parametrize("scheme_name", ["ibug68", "wflw98", "jd106", "insightface106"])
@pytest.mark.parametrize("rotation", [0, 50])
def test_regions_lie_in_the_face_and_are_disjoint(scheme_name, rotation):
    masks = {name: face_mask(*face(scheme_name, rotation), SHAPE, name) for name in REGIONS}
    for name, mask in masks.items():
        assert (mask.shape, mask.dtype) == (SHAPE[:2], np.uint8)
        assert mask.max() == 255
        if name not in ("brows", "left_brow", "right_brow"):  # with one line of points, half a brow is above them
            assert (masks["face"][mask > 0] > 0).all()
    solid = {name: mask > 127 for name, mask in masks.items()}
    for parts in (("skin", "eyes", "brows", "mouth"), ("lips", "inner_mouth"), ("eyes", "nose", "mouth")):
        assert sum(solid[part].astype(int) for part in parts).max() == 1
    assert (masks["eyes"] == np.maximum(masks["left_eye"], masks["right_eye"])).all()
    np.testing.assert_array_equal(solid["mouth"], solid["lips"] | solid["inner_mouth"])


def test_area_of_a_region_is_that_of_its_polygon():
    points, scheme = face("ibug68")
    x, y = points[48:60].T.astype(float)
    area = abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
    assert face_mask(points, scheme, SHAPE, "mouth").sum() / 255 == pytest.approx(
        area, rel=0.12
    )  # the pixels at the edge count


def test_left_is_the_left_side_of_the_image():
    for name in ("left_eye", "left_brow"):
        columns = np.flatnonzero(face_mask(*face("wflw98"), SHAPE, name).any(0))
        assert columns.max() < SHAPE[1] / 2


@pytest.mark.parametrize("rotation", [0, 90])
def test_forehead_is_above_the_brows(rotation):
    points, scheme = face("wflw98", rotation)
    plain, full = (face_mask(points, scheme, SHAPE, forehead=forehead) for forehead in (False, True))
    assert (full[plain == 255] > 127).all()
    assert 1.15 < full.sum() / plain.sum() < 1.6
    added = np.argwhere(full > plain)[:, ::-1].mean(0)
    up = points[51] - points[16]  # from the chin to the root of the nose
    assert (added - points[33:51].mean(0)) @ up > 0


def test_soft_edge_is_as_wide_as_asked():
    points, scheme = face("ibug68")
    sharp, soft = (face_mask(points, scheme, SHAPE, soft_edge=width)[240] for width in (0, 20))
    between = [int(((row > 6) & (row < 249)).sum()) for row in (sharp, soft)]
    assert between[0] <= 6
    assert 2 * 15 <= between[1] <= 2 * 25  # at the left and the right
    assert 90 < soft[np.flatnonzero(sharp > 127)[0]] < 165


@pytest.mark.parametrize(("scheme_name", "region", "message"), [
    ("five", "face", r"'face' needs at least 5 points of jaw, but the scheme 'five' has 0"),
    ("aflw19", "eyes", "'eyes' needs an outline of left_eye, but the scheme 'aflw19' has none"),
    ("five", "lips", "'lips' needs an outline of mouth"),
])  # fmt: skip
def test_scheme_without_the_points_says_which_are_missing(scheme_name, region, message):
    with pytest.raises(SchemeError, match=message):
        face_mask(*face(scheme_name), SHAPE, region)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"region": "ears"}, "unknown region 'ears'; expected one of face, skin"),
    ({"shape": (0, 5)}, r"expected a shape \(height, width\)"),
    ({"soft_edge": -1}, "expected a finite soft_edge of at least 0 pixels, not -1"),
    ({"region": "lips", "forehead": True}, 'forehead is for the regions "face" and "skin"'),
])  # fmt: skip
def test_wrong_arguments(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        face_mask(*face("ibug68"), **({"shape": SHAPE} | arguments))


def test_face_outside_of_the_image_has_an_empty_mask():
    points, scheme = face("ibug68")
    assert face_mask(points + 10_000_000, scheme, (50, 60)).max() == 0
