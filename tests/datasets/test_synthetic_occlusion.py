from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facelattice.datasets.augmentation import AugmentationConfig
from facelattice.datasets.face_crops import FaceCrops
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.synthetic_occlusion import ACCESSORIES, draw_accessory
from facelattice.schemes import get_scheme, mean_shape

SIZE = 256
CROP = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def mean_face(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The points of the mean face in the center of the crop, and a full mask."""
    shape = mean_shape(get_scheme(name))
    shape = (shape - shape.min(0)) / (shape.max(0) - shape.min(0)).max()
    return shape * SIZE * 0.7 + SIZE * 0.15, np.ones(len(shape), bool)


def covered_share(covered: np.ndarray, points: np.ndarray, ids: tuple[int, ...]) -> float:
    x, y = points[list(ids)].round().astype(int).T
    return float(covered[y, x].mean())


@pytest.mark.parametrize("name", ["ibug68", "wflw98"])
def test_accessories_cover_their_part_of_the_face(name):
    (points, mask), scheme = mean_face(name), get_scheme(name)
    jaw = scheme.regions["jaw"]
    chin = jaw[len(jaw) // 2 : len(jaw) // 2 + 1]

    def share(kind: str, seed: int, ids: tuple[int, ...]) -> float:
        _, covered = draw_accessory(CROP, points, mask, scheme, np.random.default_rng(seed), kind)
        return covered_share(covered, points, ids)

    for seed in range(20):
        assert share("sunglasses", seed, scheme.regions["left_eye"]) == 1
        assert share("sunglasses", seed, scheme.regions["right_eye"]) == 1
        assert share("sunglasses", seed, (*scheme.regions["mouth"], *jaw)) == 0
        assert share("mask", seed, (*scheme.regions["mouth"], *chin)) == 1
        assert share("mask", seed, (*scheme.regions["left_eye"], *scheme.regions["right_brow"])) == 0
        assert share("hand", seed, tuple(range(len(points)))) > 0


@pytest.mark.parametrize("kind", ACCESSORIES)
def test_only_covered_pixels_change_and_the_seed_determines_them(kind):
    points, mask = mean_face("ibug68")
    before = CROP.copy()
    crop, covered = draw_accessory(CROP, points, mask, get_scheme("ibug68"), np.random.default_rng(3), kind)
    again, _ = draw_accessory(CROP, points, mask, get_scheme("ibug68"), np.random.default_rng(3), kind)
    np.testing.assert_array_equal(crop, again)
    np.testing.assert_array_equal(CROP, before)
    changed = np.abs(crop.astype(int) - CROP).max(2) > 4
    assert 0.02 < covered.mean() < 0.7
    assert changed[covered].mean() > 0.9
    assert (changed & ~covered).mean() < 0.02  # the soft edge


@pytest.mark.parametrize("upright", [True, False])
def test_sunglasses_follow_the_roll_of_the_eyes(upright):
    points, mask = mean_face("ibug68")
    points = points if upright else points[:, ::-1]  # one eye above the other
    distance = np.linalg.norm(points[36:42].mean(0) - points[42:48].mean(0))
    sizes = []
    for seed in range(40):
        _, covered = draw_accessory(CROP, points, mask, get_scheme("ibug68"), np.random.default_rng(seed), "sunglasses")
        size = [np.ptp(np.flatnonzero(covered.any(axis))) for axis in (0, 1)]
        sizes.append(size if upright else size[::-1])
    # The half axes of a lens are 0.3 to 0.48 of the distance of the eyes along their line, and 0.22 to 0.4 across it.
    assert np.mean(sizes, axis=0) / distance == pytest.approx([1 + 2 * 0.39, 2 * 0.31], abs=0.06)


def test_missing_points_give_a_hand_or_nothing():
    points, mask = mean_face("ibug68")
    scheme = get_scheme("ibug68")

    def draw(mask: np.ndarray, scheme=scheme, kind: str | None = None) -> np.ndarray:
        visible = np.where(mask[:, None], points, np.nan)
        return draw_accessory(CROP, visible, mask, scheme, np.random.default_rng(1), kind)[1]

    no_eyes = mask.copy()
    no_eyes[36:48] = False
    np.testing.assert_array_equal(draw(no_eyes, kind="sunglasses"), draw(no_eyes, kind="hand"))
    np.testing.assert_array_equal(draw(mask, replace(scheme, regions={}), "mask"), draw(mask, kind="hand"))
    for num_jaw_points in range(1, 9):  # too few for a mask
        short_jaw = mask & ~np.isin(np.arange(68), range(num_jaw_points, 17))
        np.testing.assert_array_equal(draw(short_jaw, kind="mask"), draw(short_jaw, kind="hand"))
    assert draw(no_eyes).any()
    assert not draw(~mask).any()


def test_training_crops_have_accessories_and_keep_their_points(faces):
    samples = read_samples(faces)
    # All other changes of the image are off, so that crops differ by accessories only.
    off = dict.fromkeys(("color", "grayscale", "gamma", "blur", "low_resolution", "noise", "jpeg", "occlusion"), 0.0)

    def crops(probability: float) -> FaceCrops:
        return FaceCrops(samples, 96, 1.3, AugmentationConfig(**off, accessories=probability, background=0), seed=1)

    plain, always, third = crops(0), crops(1), crops(1 / 3)
    for index in range(len(samples)):
        a, b = plain[0, 0, index], always[0, 0, index]
        np.testing.assert_array_equal(a["points"], b["points"])
        assert (a["crop"] != b["crop"]).any(-1).float().mean() > 0.02
    keys = [(epoch, 0, index) for epoch in range(10) for index in range(len(samples))]
    differ = [bool((third[key]["crop"] != plain[key]["crop"]).any()) for key in keys]
    assert np.mean(differ) == pytest.approx(1 / 3, abs=0.12)
