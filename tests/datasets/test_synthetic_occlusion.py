from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facelattice.datasets.augmentation import AugmentationConfig
from facelattice.datasets.face_crops import FaceCrops
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.synthetic_occlusion import KINDS, draw_accessory
from facelattice.schemes import get_scheme, mean_shape

SIZE = 256
CROP = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def face(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The mean face in the middle of the crop, and that all its points are known."""
    shape = mean_shape(get_scheme(name))
    shape = (shape - shape.min(0)) / (shape.max(0) - shape.min(0)).max()
    return shape * SIZE * 0.7 + SIZE * 0.15, np.ones(len(shape), bool)


def hidden(where: np.ndarray, points: np.ndarray, part: tuple[int, ...]) -> float:
    """The share of some points that is covered."""
    x, y = points[list(part)].round().astype(int).T
    return float(where[y, x].mean())


@pytest.mark.parametrize("name", ["ibug68", "wflw98"])
def test_each_thing_lies_where_people_have_it(name):
    (points, mask), regions = face(name), get_scheme(name).regions
    for seed in range(20):
        _, glasses = draw_accessory(CROP, points, mask, get_scheme(name), np.random.default_rng(seed), "sunglasses")
        assert hidden(glasses, points, regions["left_eye"]) == hidden(glasses, points, regions["right_eye"]) == 1
        assert hidden(glasses, points, regions["mouth"]) == hidden(glasses, points, regions["jaw"]) == 0
        _, cloth = draw_accessory(CROP, points, mask, get_scheme(name), np.random.default_rng(seed), "mask")
        assert hidden(cloth, points, regions["mouth"]) == 1
        assert hidden(cloth, points, regions["jaw"][len(regions["jaw"]) // 2 :][:1]) == 1  # the chin
        assert hidden(cloth, points, regions["left_eye"]) == hidden(cloth, points, regions["right_brow"]) == 0
        _, hand = draw_accessory(CROP, points, mask, get_scheme(name), np.random.default_rng(seed), "hand")
        assert hidden(hand, points, tuple(range(len(points)))) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_covered_changes_and_always_the_same_way(kind):
    points, mask = face("ibug68")
    before = CROP.copy()
    crop, where = draw_accessory(CROP, points, mask, get_scheme("ibug68"), np.random.default_rng(3), kind)
    again, _ = draw_accessory(CROP, points, mask, get_scheme("ibug68"), np.random.default_rng(3), kind)
    np.testing.assert_array_equal(crop, again)
    np.testing.assert_array_equal(CROP, before)
    changed = np.abs(crop.astype(int) - CROP).max(2) > 4
    assert 0.02 < where.mean() < 0.7
    assert changed[where].mean() > 0.9
    assert (changed & ~where).mean() < 0.02  # its soft edge


@pytest.mark.parametrize("upright", [True, False])
def test_glasses_are_turned_as_the_eyes_are(upright):
    points, mask = face("ibug68")
    points = points if upright else points[:, ::-1]  # the eyes one above the other
    eyes = np.linalg.norm(points[36:42].mean(0) - points[42:48].mean(0))
    sizes = []
    for seed in range(40):
        _, where = draw_accessory(CROP, points, mask, get_scheme("ibug68"), np.random.default_rng(seed), "sunglasses")
        size = [np.ptp(np.flatnonzero(where.any(side))) for side in (0, 1)]  # across and down
        sizes.append(size if upright else size[::-1])
    # Half of a lens is 0.3 to 0.48 of the distance of the eyes along their line, and 0.22 to 0.4 across it.
    assert np.mean(sizes, axis=0) / eyes == pytest.approx([1 + 2 * 0.39, 2 * 0.31], abs=0.06)


def test_where_points_are_missing_it_is_a_hand_or_nothing():
    points, mask = face("ibug68")
    scheme = get_scheme("ibug68")

    def drawn(mask: np.ndarray, scheme=scheme, kind: str | None = None) -> np.ndarray:
        return draw_accessory(CROP, np.where(mask[:, None], points, np.nan), mask, scheme, np.random.default_rng(1), kind)[1]

    no_eyes = mask.copy()
    no_eyes[36:48] = False
    np.testing.assert_array_equal(drawn(no_eyes, kind="sunglasses"), drawn(no_eyes, kind="hand"))
    np.testing.assert_array_equal(drawn(mask, replace(scheme, regions={}), "mask"), drawn(mask, kind="hand"))
    for known in range(1, 9):  # too few of the jaw to hang a mask on
        little = mask & ~np.isin(np.arange(68), range(known, 17))
        np.testing.assert_array_equal(drawn(little, kind="mask"), drawn(little, kind="hand"))
    assert drawn(no_eyes).any()
    assert not drawn(~mask).any()


def test_crops_of_training_have_them_and_keep_their_points(faces):
    samples = read_samples(faces)
    # Nothing else that changes the image: else the crops would differ by that.
    still = dict.fromkeys(("color", "gray", "dark", "blur", "low_resolution", "noise", "jpeg", "occlusion"), 0.0)
    plain, worn = (
        FaceCrops(samples, 96, 1.3, AugmentationConfig(**still, worn=share, background=0), seed=1) for share in (0.0, 1.0)
    )
    for index in range(len(samples)):
        a, b = plain[0, 0, index], worn[0, 0, index]
        np.testing.assert_array_equal(a["points"], b["points"])
        assert (a["crop"] != b["crop"]).any(-1).float().mean() > 0.02
    third = FaceCrops(samples, 96, 1.3, AugmentationConfig(**still, worn=1 / 3, background=0), seed=1)
    differ = [(third[e, 0, i]["crop"] != plain[e, 0, i]["crop"]).any() for e in range(10) for i in range(len(samples))]
    assert np.mean(differ) == pytest.approx(1 / 3, abs=0.12)
