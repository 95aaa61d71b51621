from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from facelattice_synthetic import Config, FaceGenerator
from facelattice_synthetic.head import AVERAGE, NEUTRAL
from facelattice_synthetic.visibility import HIDDEN_BY_FACE, HIDDEN_BY_OBJECT, VISIBLE
from scipy.spatial.transform import Rotation

CALM = Config(
    size=128, off_center=0, hair=0, hat=0, glasses=0, mask=0, hand=0, object=0, beard=0, make_up=0, distance=(20, 20.1),
    panorama=0,
)  # fmt: skip
JAW, NOSE, LEFT_EYE, RIGHT_EYE = range(33), range(51, 60), range(60, 68), range(68, 76)


@pytest.fixture(scope="module")
def calm(assets) -> FaceGenerator:
    return FaceGenerator(assets, CALM)


def render(generator: FaceGenerator, yaw: float, pitch: float = 0):
    rotation = Rotation.from_euler("ZYX", [0, yaw, pitch], degrees=True)
    return generator.render(AVERAGE, NEUTRAL, rotation, np.random.default_rng(0))


def test_a_frontal_face_has_symmetric_points(calm):
    face = render(calm, 0)
    points = face.points - face.points[[51, 54, 57, 79, 85]].mean(0)
    mirrored = points[[*range(32, -1, -1), *range(46, 41, -1), *range(50, 46, -1)]] * [-1, 1]
    np.testing.assert_allclose(points[:33], mirrored[:33], atol=1.2)  # the expressions of MakeHuman are not quite even
    np.testing.assert_allclose(points[33:42], (points[[46, 45, 44, 43, 42, 50, 49, 48, 47]] * [-1, 1]), atol=1.5)
    np.testing.assert_allclose(points[60], points[72] * [-1, 1], atol=0.7)
    np.testing.assert_allclose(points[96], points[97] * [-1, 1], atol=0.7)
    assert (face.visibility == VISIBLE).mean() > 0.95


def test_the_jaw_is_on_the_outline_of_a_turned_face(calm):
    turned, frontal = render(calm, 45), render(calm, 0)
    # The face looks to the right of the image, so the right end of the jaw comes near the nose.
    nose = turned.points[54, 0]
    assert turned.points[32, 0] - nose < 0.5 * (nose - turned.points[0, 0])
    assert (turned.visibility[list(JAW)] == VISIBLE).mean() > 0.8
    assert abs(frontal.points[32, 0] + frontal.points[0, 0] - 2 * frontal.points[54, 0]) < 2


def test_the_far_eye_of_a_profile_is_hidden_by_the_face(calm):
    face = render(calm, 85)
    assert (face.visibility[list(RIGHT_EYE)] == HIDDEN_BY_FACE).sum() >= 5
    assert (face.visibility[list(LEFT_EYE)] == VISIBLE).sum() >= 5


def test_a_mask_hides_the_mouth_and_glasses_hide_no_eyes(assets):
    masked = render(FaceGenerator(assets, dataclasses.replace(CALM, mask=1)), 0)
    assert (masked.visibility[76:96] == HIDDEN_BY_OBJECT).all()
    assert (masked.visibility[60:76] == VISIBLE).all()
    glasses = render(FaceGenerator(assets, dataclasses.replace(CALM, glasses=1, dark_glasses=0)), 0)
    assert (glasses.visibility[[62, 66, 70, 74, 96, 97]] == VISIBLE).sum() >= 5


def test_a_face_depends_on_seed_and_index_alone(generator):
    first, other, again = generator(4), generator(5), generator(4)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.points, again.points)
    assert first.image.shape == (96, 96, 3)
    assert np.abs(first.points - other.points).max() > 1
    assert np.isfinite(first.points).all()
    assert set(np.unique(first.visibility)) <= {0, 1, 2}


def test_a_face_does_not_change_between_versions(generator):
    # A change of the drawing or of the probabilities changes them: then a folder cannot be continued.
    face = generator(4)
    np.testing.assert_allclose(
        face.points[[0, 16, 54, 96]],
        [[48.801, 45.341], [65.463, 77.471], [39.255, 52.117], [48.592, 36.308]],
        atol=0.01,
    )
    np.testing.assert_allclose(face.image.mean((0, 1)), [213.02, 197.56, 160.88], atol=0.3)
    assert np.bincount(face.visibility).tolist() == [44, 22, 32]
    assert face.jpeg_quality == 63
