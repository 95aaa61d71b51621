import numpy as np
import pytest

from facelattice import geometry, pose
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


def turned_face(yaw: float) -> tuple[np.ndarray, Scheme]:
    """The mean 3D face with a yaw in degrees.

    The 3D face lacks the jaw. Here it goes back to the ear at the near side; at the far side, where annotators mark the
    visible outline, to the brow.
    """
    scheme = get_scheme("wflw98")
    points = pose._built_in("wflw98")[0].copy()
    frontal = mean_shape(scheme)
    points[:33, :2] = frontal[:33] + (points[33:, :2] - frontal[33:]).mean(0)
    chin = points[scheme.regions["mouth"], 2].mean()
    ends = np.where((np.arange(33) < 16) == (yaw > 0), points[33:51, 2].max() + 0.2, points[33:51, 2].max())
    points[:33, 2] = chin + (ends - chin) * (points[16, 1] - points[:33, 1]) / np.ptp(points[:33, 1])
    return 200 * (points @ pose._rotation(yaw, 0.0).T)[:, :2] + [180, 200], scheme


@pytest.mark.parametrize("yaw", [50, -50])
def test_forehead_of_a_turned_face_is_at_the_front(yaw):
    points, scheme = turned_face(yaw)
    plain, full = (face_mask(points, scheme, SHAPE, forehead=forehead) > 127 for forehead in (False, True))
    assert (full[plain]).all()
    forward = np.sign(yaw)
    near_end, far_brow = points[0 if yaw > 0 else 32], max(points[33:51], key=lambda point: forward * point[0])
    height = points[33:51, 1].min() - np.argwhere(full)[:, 0].min()  # of the forehead
    assert 0.6 < height / (points[55:60, 1].max() - points[33:51, 1].mean()) < 1.2
    brow_x, brow_y = np.round(far_brow - [4 * forward, 0.5 * height]).astype(int)
    assert full[brow_y, brow_x]  # over the front brow
    ear_x, ear_y = np.round(near_end - [-4 * forward, 0.5 * height]).astype(int)
    assert not full[ear_y, ear_x]  # the hair over the near ear
    columns = np.flatnonzero((full & ~plain).any(0))
    assert columns.min() >= points[:, 0].min() - 2
    assert columns.max() <= points[:, 0].max() + 2
    top = np.flatnonzero(full[np.argwhere(full)[0, 0] + 2]).mean()
    assert forward * (top - (points[0, 0] + points[32, 0]) / 2) > 0.05 * np.ptp(points[:, 0])


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


@pytest.mark.parametrize(("region", "changes", "message"), [
    ("lips", {}, "an outline of mouth, but the scheme 'dog' has none; add to its YAML file, under lines, a closed"),
    ("lips", {"lines": [["a", "b", "c", "d", "a"]]}, r"and under regions, mouth: \[names of its points\]$"),
    ("lips", {"lines": [["a", "b", "c", "d", "a"]], "regions": {"mouth": ["a", "b", "c", "d"]}},
     "an inner outline of mouth, .*, under lines, a second closed line, which ends with its first point"),
    ("nose", {}, r"at least 3 points of nose, but the scheme 'dog' has 0; .*, under regions, nose: \[names"),
])  # fmt: skip
def test_scheme_of_ones_own_says_what_to_add(region, changes, message):
    scheme = Scheme.from_dict({"name": "dog", "points": ["a", "b", "c", "d"], **changes})
    points = np.array([[10, 10], [30, 10], [30, 30], [10, 30]])
    with pytest.raises(SchemeError, match=message):
        face_mask(points, scheme, SHAPE, region)


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
