from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from facelattice import geometry
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import make_sample
from facelattice.evaluation.robustness import PERTURBATIONS, occlusion_patch, perturbed_errors, yaw_proxy
from facelattice.exceptions import ArgumentError
from facelattice.schemes import get_scheme

SIZE, MARGIN = 64, 1.3


def predict_center(crops: np.ndarray) -> np.ndarray:
    """Predict the center of the crop for every landmark."""
    return np.full((len(crops), 68, 2), (crops.shape[1] - 1) / 2)


@pytest.fixture
def crops_of(faces) -> Callable[..., np.ndarray]:
    """Return the perturbed crops of all faces as integers."""

    def capture(perturbation: str, level: float, size: int = SIZE) -> np.ndarray:
        captured = []

        def predict(crops: np.ndarray) -> np.ndarray:
            captured.append(crops)
            return predict_center(crops)

        perturbed_errors([predict], read_samples(faces), size, MARGIN, perturbation, level)
        return captured[0].astype(int)

    return capture


@pytest.mark.parametrize(("fraction", "count"), [(0.0, 0), (0.1, 6), (0.3, 18), (0.6, 36), (1.0, 60)])
def test_patch_covers_the_given_fraction_of_the_landmarks(fraction, count):
    points, mask = np.random.default_rng(0).uniform(0, 100, (68, 2)), np.ones(68, bool)
    mask[:8] = False
    box, occluded = occlusion_patch(points, mask, fraction, np.random.default_rng(1))
    assert occluded.sum() == count
    assert not occluded[~mask].any()
    inside = ((points >= box[:2]) & (points <= box[2:])).all(1) & mask
    assert (inside == occluded).all() or count == 0


def test_larger_patch_contains_the_smaller_one():
    points, mask = np.random.default_rng(0).uniform(0, 100, (68, 2)), np.ones(68, bool)
    small, large = (occlusion_patch(points, mask, fraction, np.random.default_rng(5)) for fraction in (0.2, 0.4))
    np.testing.assert_allclose(geometry.box_center(small[0]), geometry.box_center(large[0]))
    assert (large[1] | ~small[1]).all()


def test_yaw_proxy_computed_by_hand():
    scheme = get_scheme("five")  # eyes, nose, mouth corners
    (nose,) = np.flatnonzero(scheme.mirror == np.arange(5))
    frontal = np.array([[0, 0], [10, 0], [5, 5], [2, 10], [8, 10]], float)
    assert yaw_proxy(make_sample(Path("a.png"), frontal, scheme, "a", "here")) == pytest.approx(0)
    turned = frontal.copy()
    turned[nose, 0] += 2  # the largest distance of a pair is 10
    assert yaw_proxy(make_sample(Path("a.png"), turned, scheme, "a", "here")) == pytest.approx(0.2)
    rotation = geometry.crop_transform(np.array([0, 0, 10, 10.0]), 100, 1.0, rotation=30)
    rolled = make_sample(Path("a.png"), geometry.apply(rotation, turned), scheme, "a", "here")
    assert yaw_proxy(rolled) == pytest.approx(0.2, abs=1e-5)


def test_errors_of_a_constant_prediction(faces):
    """The error is that of the box center; a patch splits it into occluded and visible landmarks."""
    samples = read_samples(faces)
    (plain,) = perturbed_errors([predict_center], samples, SIZE, MARGIN)
    for i, sample in enumerate(samples):
        distances = np.linalg.norm(sample.points - geometry.box_center(sample.box), axis=1)
        eye_distance = np.linalg.norm(sample.points[36] - sample.points[45])
        assert plain.all[i] == pytest.approx(distances.mean() / eye_distance, abs=1e-5)
    assert np.isnan(plain.occluded).all()
    (patched,) = perturbed_errors([predict_center], samples, SIZE, MARGIN, "patch: face", 0.3)
    np.testing.assert_allclose(patched.all, plain.all)
    np.testing.assert_allclose((20 * patched.occluded + 48 * patched.visible) / 68, patched.all, rtol=1e-5)


@pytest.mark.parametrize("perturbation", list(PERTURBATIONS))
def test_perturbation_changes_every_crop_deterministically(perturbation, crops_of):
    level = PERTURBATIONS[perturbation][2]
    plain, changed = crops_of("patch: flat", 0.0), crops_of(perturbation, level)
    assert (np.abs(changed - plain).reshape(len(plain), -1).max(1) > 3).all()
    np.testing.assert_array_equal(changed, crops_of(perturbation, level))
    np.testing.assert_allclose(crops_of(perturbation, 0.0), plain, atol=1)


def test_patch_is_drawn_over_the_occluded_landmarks_only(faces, crops_of):
    size = 512  # a pixel is smaller than the distances between landmarks
    plain, patched = crops_of("patch: flat", 0.0, size), crops_of("patch: flat", 0.3, size)
    for i, sample in enumerate(read_samples(faces)):
        _, occluded = occlusion_patch(sample.points, sample.mask, 0.3, np.random.default_rng([0, i]))
        matrix = geometry.crop_transform(sample.box, size, MARGIN)
        x, y = np.round(geometry.apply(matrix, sample.points)).astype(int).clip(0, size - 1).T
        changed = (plain[i] != patched[i]).any(-1)[y, x]
        assert changed[occluded].mean() > 0.95
        assert changed[~occluded].mean() < 0.05  # landmarks within half a pixel of the edge


def test_sunglasses_occlude_the_eyes(faces):
    samples = read_samples(faces)
    (plain,) = perturbed_errors([predict_center], samples, 512, MARGIN)
    (occluded,) = perturbed_errors([predict_center], samples, 512, MARGIN, "accessories", 1)
    np.testing.assert_allclose(occluded.all, plain.all)
    for i, sample in enumerate(samples):
        distances = np.linalg.norm(sample.points - geometry.box_center(sample.box), axis=1)
        distances /= np.linalg.norm(sample.points[36] - sample.points[45])
        # Large sunglasses also cover some landmarks of the brows and the nose.
        brows_nose_eyes = distances[[*range(17, 28), *range(36, 48)]]
        assert distances[36:48].min() <= occluded.occluded[i] <= brows_nose_eyes.max()


def test_roll_turns_the_crop(crops_of):
    upright, turned = crops_of("roll", 0.0), crops_of("roll", 180.0)
    np.testing.assert_allclose(turned, upright[:, ::-1, ::-1], atol=1)


def test_unreadable_image_has_no_error(faces, tmp_path):
    samples = read_samples(faces)[:3]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    samples[1] = make_sample(broken, samples[1].points, samples[1].scheme, "broken", "here")
    reported = []
    (errors,) = perturbed_errors(
        [predict_center], samples, SIZE, MARGIN, "patch: face", 0.2, on_error=lambda image, _: reported.append(image)
    )
    assert np.isfinite(errors.all).tolist() == [True, False, True]
    assert reported == [broken]


def test_unknown_perturbation_is_rejected(faces):
    with pytest.raises(ArgumentError, match=r"unknown perturbation 'rain'; choose one of patch: flat, "):
        perturbed_errors([predict_center], read_samples(faces), SIZE, MARGIN, "rain")
