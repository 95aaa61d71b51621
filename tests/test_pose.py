import csv
import math
from dataclasses import replace

import numpy as np
import pytest

from facelattice import FaceAligner, geometry, load_image, pose
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.exceptions import ArgumentError, SchemeError
from facelattice.face import Face
from facelattice.formats import read_pts
from facelattice.pose import HeadPose, head_pose
from facelattice.schemes import SCHEMES, Scheme, get_scheme, mean_shape

every_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The rotation of the docstring of `HeadPose`: roll, then yaw, then pitch, with x right, y down, z away."""
    a, b, c = np.radians([roll, -yaw, -pitch])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(c), -np.sin(c)], [0, np.sin(c), np.cos(c)]])
    return about_z @ about_y @ about_x


def project(scheme: Scheme, angles: tuple[float, float, float], distance: float = 10.0, modes=0.0) -> np.ndarray:
    """Points (N, 2) of the 3D face, seen from a distance in face widths; points of the jaw are NaN."""
    mean, displacements, _ = pose._built_in(scheme.name)
    x, y, z = rotation(*angles) @ (mean + displacements @ np.broadcast_to(modes, displacements.shape[2])).T
    return 120 * np.stack([x, y], 1) / (1 + z / distance)[:, None] + [300, 200]


def difference(found: HeadPose, angles: tuple[float, float, float]) -> float:
    return max(abs(found.yaw - angles[0]), abs(found.pitch - angles[1]), abs(found.roll - angles[2]))


@every_scheme
@pytest.mark.parametrize("distance", [5, 10, 1000])
def test_computed_faces(scheme, distance):
    rng = np.random.default_rng(0)
    for _ in range(25):
        angles = rng.uniform([-60, -25, -45], [60, 25, 45])
        assert difference(head_pose(project(scheme, angles, distance), scheme), angles) < 2


def test_other_people_and_expressions():
    scheme, rng = get_scheme("ibug68"), np.random.default_rng(1)
    errors = []
    for _ in range(60):
        angles = rng.uniform([-60, -25, -45], [60, 25, 45])
        found = head_pose(project(scheme, angles, modes=rng.normal(size=10)), scheme)
        errors.append([abs(found.yaw - angles[0]), abs(found.pitch - angles[1]), abs(found.roll - angles[2])])
    assert (np.mean(errors, 0) < [3, 5, 2]).all()


@every_scheme
def test_signs(scheme):
    tip = scheme.names.index("nose_tip")
    front = project(scheme, (0, 0, 0))
    for angles, axis, sign in (((30, 0, 0), 0, 1), ((0, 20, 0), 1, -1)):
        moved = project(scheme, angles)
        eyes = [points[list(scheme.pupils[0] + scheme.pupils[1])].mean(0) for points in (moved, front)]
        assert np.sign((moved[tip] - eyes[0])[axis] - (front[tip] - eyes[1])[axis]) == sign
    left, right = (project(scheme, (0, 0, 20))[list(eye)].mean(0) for eye in scheme.pupils)
    assert right[1] > left[1]  # clockwise on the screen


@pytest.mark.parametrize("angle", [-170, -90, -20, 45, 120])
def test_turning_the_image_changes_the_roll_alone(angle):
    scheme = get_scheme("wflw98")
    points = project(scheme, (35, -15, 5))
    turned = geometry.apply(geometry.crop_transform(np.array([0, 0, 600, 400]), 500, 1.2, angle), points)
    before, after = head_pose(points, scheme), head_pose(turned, scheme)
    assert difference(after, (before.yaw, before.pitch, (before.roll + angle + 180) % 360 - 180)) < 0.5


def test_mirrored_points_have_the_opposite_yaw_and_roll():
    scheme = get_scheme("ibug68")
    points = project(scheme, (40, 10, -8), modes=np.linspace(-1, 1, 10))
    before, after = head_pose(points, scheme), head_pose(points[scheme.mirror] * [-1, 1], scheme)
    assert difference(after, (-before.yaw, before.pitch, -before.roll)) < 0.01


@pytest.mark.parametrize("yaw", [-90, -75, 75, 90])
@pytest.mark.parametrize("pitch", [-30, 0, 30])
def test_profiles_keep_their_side_and_their_tilt(yaw, pitch):
    scheme = get_scheme("ibug68")
    found = head_pose(project(scheme, (yaw, pitch, 0)), scheme)
    assert difference(found, (yaw, pitch, 0)) < 3


@pytest.mark.parametrize("yaw", [-66, 66, 85])
@pytest.mark.parametrize("roll", [-90, 90, 180])
def test_profile_in_a_turned_image_keeps_its_roll(yaw, roll):
    scheme = get_scheme("ibug68")
    found = head_pose(project(scheme, (yaw, 0, roll)), scheme)
    assert difference(found, (yaw, 0, math.copysign(roll, found.roll) if roll == 180 else roll)) < 3


@every_scheme
def test_frontal_view_is_the_mean_shape(scheme):
    points = project(scheme, (0, 0, 0))
    known = np.isfinite(points).all(1)
    mean = mean_shape(scheme)[known]
    fitted = geometry.apply(geometry.similarity(points[known], mean), points[known])
    assert np.abs(fitted - mean).max() < 0.035
    found = head_pose(100 * mean_shape(scheme), scheme)
    assert difference(found, (0, 0, 0)) < 4


def test_points_that_are_not_finite_are_ignored():
    scheme = get_scheme("ibug68")
    points = project(scheme, (50, 5, 3))
    points[[*range(22, 27), *range(42, 48)]] = np.nan  # the far eye and brow
    assert difference(head_pose(points, scheme), (50, 5, 3)) < 2


def test_uncertain_and_hidden_points_have_less_weight():
    scheme = get_scheme("ibug68")
    points = project(scheme, (20, 5, 0))
    wrong = points.copy()
    wrong[48:68] += [25, -10]  # the mouth
    errors, visibility = np.ones(68), np.ones(68)
    errors[48:68], visibility[48:68] = 60, 0
    plain = difference(head_pose(wrong, scheme), (20, 5, 0))
    assert difference(head_pose(wrong, scheme, errors), (20, 5, 0)) < 0.3 * plain
    assert difference(head_pose(wrong, scheme, None, visibility), (20, 5, 0)) < 0.7 * plain


@pytest.mark.parametrize(
    "points", [np.random.default_rng(0).normal(size=(68, 2)), np.arange(136).reshape(68, 2), 1e6 * np.eye(68, 2, -30)]
)
def test_angles_of_anything_are_finite(points):
    scheme = get_scheme("ibug68")
    found = head_pose(points, scheme)
    assert np.isfinite([found.yaw, found.pitch, found.roll]).all()


@pytest.mark.parametrize("points", [np.zeros((68, 2)), np.full((68, 2), np.nan)])
def test_too_few_points(points):
    with pytest.raises(ArgumentError, match="fewer than 4 of the needed points are finite and different"):
        head_pose(points, get_scheme("ibug68"))


def test_points_of_another_scheme_are_rejected():
    with pytest.raises(ArgumentError, match=r"ibug68 has 68 points, but points are \(5, 2\)"):
        head_pose(np.zeros((5, 2)), get_scheme("ibug68"))


def test_scheme_of_ones_own_is_matched_by_names_and_regions():
    five, data = get_scheme("five"), get_scheme("five").to_dict()
    points = project(five, (25, -10, 4))
    mine = Scheme.from_dict(data | {"name": "mine", "points": ["noseTip", "leftMouth", "rightMouth", "a", "b"],
                                    "regions": {"left_eye": [3], "right_eye": [4]}, "pairs": [], "lines": [],
                                    "pupils": None})  # fmt: skip
    assert difference(head_pose(points[[2, 3, 4, 0, 1]], mine), (25, -10, 4)) < 1


def test_scheme_without_the_points_says_which_are_missing():
    dog = Scheme.from_dict({"name": "dog", "points": ["left_ear", "right_ear", "left_eye", "right_eye", "snout"]})
    with pytest.raises(SchemeError, match=r"the scheme 'dog' has no known points of nose, mouth"):
        head_pose(np.zeros((5, 2)), dog)


def test_pose_of_a_face_uses_its_expected_errors():
    scheme = get_scheme("ibug68")
    points = project(scheme, (20, 5, 0)).astype(np.float32)
    points[:17] = points[17:34]
    face = Face(points, np.ones(68, np.float32), 0.9, geometry.points_box(points), scheme)
    assert difference(face.pose, (20, 5, 0)) < 1
    assert face.to_dict()["pose"] == {
        "yaw": round(face.pose.yaw, 1), "pitch": round(face.pose.pitch, 1), "roll": round(face.pose.roll, 1)
    }  # fmt: skip
    lost = replace(face, points=np.full_like(points, np.nan))
    assert "pose" not in lost.to_dict()


@pytest.mark.parametrize(("yaw", "error", "expected"), [(60, 0, 60), (-60, 6, -67), (40, 6, 40), (80, 60, 90)])
def test_inaccurate_points_turn_a_face_too_little(yaw, error, expected):
    """The face is 120 px wide; beyond 50 degrees the yaw is multiplied by 1 + 14 * 6 / 120."""
    points = project(get_scheme("ibug68"), (yaw, 0, 0))
    found = head_pose(points, get_scheme("ibug68"), np.full(68, error, np.float32))
    assert found.yaw == pytest.approx(expected, abs=1.5)


@pytest.mark.data
def test_frontal_photos_have_a_pitch_near_0(shared_data):
    scheme = get_scheme("ibug68")
    found = [head_pose(read_pts(path), scheme) for path in sorted((shared_data / "300W/helen/trainset").glob("*.pts"))]
    assert len(found) > 100
    frontal = [one for one in found if abs(one.yaw) < 15]
    assert abs(np.median([one.pitch for one in frontal])) < 5
    assert abs(np.median([one.yaw for one in found])) < 2
    assert abs(np.median([one.roll for one in found])) < 2


@pytest.mark.data
def test_classes_of_merl_rav(shared_data):
    scheme, yaws = get_scheme("ibug68"), {}
    with open(shared_data / "mtfl5" / "merlrav.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["pose"] == "frontal" and len(yaws.get("frontal", [])) == 200:
                continue
            points = [[float(row[f"{axis}{i}"] or "nan") for axis in "xy"] for i in range(68)]
            yaws.setdefault(row["pose"], []).append(head_pose(np.array(points), scheme).yaw)
    # "left" is the person's: the face is turned to the image's right.
    quartiles = {pose_class: np.percentile(values, [25, 50, 75]) for pose_class, values in yaws.items()}
    assert abs(quartiles["frontal"][1]) < 5
    assert 20 < quartiles["lefthalf"][0] < quartiles["lefthalf"][2] < 50
    assert 20 < -quartiles["righthalf"][2] < -quartiles["righthalf"][0] < 50
    assert quartiles["left"][0] > 35
    assert -quartiles["right"][2] > 30


@pytest.mark.data
def test_turned_and_mirrored_photos(shared_data):
    """Predicted landmarks of training photos of HELEN: the roll follows the photo, the yaw changes its sign."""
    aligner = FaceAligner("ibug68-fast")
    samples = read_samples(shared_data / "300W/helen/trainset")[::43]
    assert len(samples) >= 20
    roll_errors, yaw_errors = [], []
    for sample in samples:
        image = load_image(sample.path)
        turned, matrix = geometry.turn_image(image, -30)
        x0, y0, x1, y1 = sample.box
        right = image.shape[1] - 1
        (face,) = aligner(image, boxes=[sample.box])
        (lying,) = aligner(turned, boxes=[geometry.points_box(geometry.apply(matrix, sample.points))])
        (mirrored,) = aligner(np.ascontiguousarray(image[:, ::-1]), boxes=[[right - x1, y0, right - x0, y1]])
        roll_errors.append(abs(lying.pose.roll - face.pose.roll - 30))
        yaw_errors.append(abs(mirrored.pose.yaw + face.pose.yaw))
    assert max(roll_errors) < 2
    assert np.median(yaw_errors) < 2
    assert max(yaw_errors) < 6


def test_repr_has_tenths_of_degrees():
    assert repr(HeadPose(1.92266, -6.1, 3.049)) == "HeadPose(yaw=1.9, pitch=-6.1, roll=3.0)"
