from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from facelattice.datasets.augmentation import (
    AugmentationConfig,
    augment_colors,
    draw_occlusion_patch,
    random_crop_transform,
)

CHANGES = ("color", "grayscale", "gamma", "blur", "low_resolution", "noise", "jpeg")


def only(change: str) -> AugmentationConfig:
    """A configuration that makes one photometric change always, and the others never."""
    return AugmentationConfig(**{**dict.fromkeys(CHANGES, 0.0), change: 1.0})


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- geometry


def test_crop_transforms_stay_in_their_ranges():
    box, generator = np.array([100.0, 100, 180, 180]), rng()
    augmentation = AugmentationConfig(rotation=20, scale=0.1, shift=0.05)
    angles, scales, mirrors, centers = [], [], [], []
    for _ in range(300):
        matrix, mirrored = random_crop_transform(box, 64, 1.25, augmentation, generator)
        linear = matrix[:, :2] * ([[-1], [1]] if mirrored else 1)
        assert np.linalg.det(linear) > 0
        angles.append(np.degrees(np.arctan2(linear[1, 0], linear[0, 0])))
        scales.append(np.sqrt(np.linalg.det(linear)) / (64 / 1.25 / 80))
        mirrors.append(mirrored)
        centers.append(np.linalg.solve(matrix[:, :2], [31.5, 31.5] - matrix[:, 2]) - 140)
    assert 19 < np.abs(angles).max() <= 20
    assert 1.08 < max(scales) <= np.exp(0.1) + 1e-9
    assert np.exp(-0.1) - 1e-9 <= min(scales) < 0.92
    assert 3.8 < np.abs(centers).max() <= 4.0 + 1e-9
    assert abs(np.corrcoef(np.array(centers).T)[0, 1]) < 0.2  # x and y are independent
    assert 120 < sum(mirrors) < 180


def test_mirroring_can_be_turned_off():
    generator, augmentation = rng(), AugmentationConfig(mirror=False)
    box = np.array([10.0, 10, 90, 90])
    assert not any(random_crop_transform(box, 64, 1.3, augmentation, generator)[1] for _ in range(50))


# --- colors


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_can_be_turned_on_and_off(change):
    crop = torch.from_numpy(rng().integers(0, 256, (16, 16, 3), dtype=np.uint8)).permute(2, 0, 1)
    crop = torch.nn.functional.interpolate(crop[None].float(), size=64, mode="bilinear")[0].to(torch.uint8)
    never = AugmentationConfig(**dict.fromkeys(CHANGES, 0.0))
    assert torch.equal(augment_colors(crop, never, rng()), crop)
    changed = augment_colors(crop, only(change), rng())
    assert (changed.dtype, changed.shape) == (torch.uint8, crop.shape)
    assert not torch.equal(changed, crop)
    assert torch.equal(augment_colors(crop, only(change), rng()), changed)
    if change == "grayscale":
        assert torch.equal(changed[0], changed[2])


@pytest.mark.parametrize("change", [change for change in CHANGES if change != "noise"])
def test_changes_do_not_move_the_content(change):
    crop = torch.zeros(3, 64, 64, dtype=torch.uint8)
    crop[:, 18:23, 38:43] = 255  # its center is (40, 20)
    for seed in range(20):
        light = augment_colors(crop, only(change), rng(seed)).float().mean(0)
        light = light * (light > light.max() / 4)
        x, y = light.sum(0) @ torch.arange(64.0) / light.sum(), light.sum(1) @ torch.arange(64.0) / light.sum()
        assert (x.item(), y.item()) == pytest.approx((40, 20), abs=1.5 if change == "low_resolution" else 0.3)


def test_blur_is_relative_to_the_crop_size():
    def std(size: int) -> float:
        crop = torch.zeros(3, size, size, dtype=torch.uint8)
        crop[:, size // 2] = 255
        light = augment_colors(crop, only("blur"), rng(3))[0, :, 0].double()
        rows = torch.arange(size) - size // 2
        return float((light @ rows.double().square() / light.sum()).sqrt())

    assert std(256) == pytest.approx(2 * std(128), rel=0.1)


def test_noise_does_not_wrap_around():
    for seed in range(10):
        for value in (0, 255):
            crop = torch.full((3, 32, 32), value, dtype=torch.uint8)
            noisy = augment_colors(crop, only("noise"), rng(seed)).int()
            assert (noisy - value).abs().max() < 128
            assert (noisy != value).any()


# --- occlusion patches


def patches(count: int, make_crop: Callable[[], np.ndarray], config: AugmentationConfig, other: np.ndarray | None):
    drawn = [draw_occlusion_patch(make_crop(), config, rng(seed), other) for seed in range(count)]
    for crop, covered in drawn:  # noise may have the old color in single pixels
        changed = (crop != make_crop()).any(-1)
        assert covered[changed].all()
        assert changed[covered].mean() > 0.95
    return [crop for crop, _ in drawn]


def test_patches_are_rectangles_or_ellipses_anywhere():
    other = np.full((64, 64, 3), 200, np.uint8)
    filled, centers = [], []
    for crop in patches(200, lambda: np.zeros((64, 64, 3), np.uint8), AugmentationConfig(), other):
        covered = crop.any(-1)
        rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
        filled.append(covered.sum() / (np.ptp(rows) + 1) / (np.ptp(columns) + 1))
        centers.append([columns.mean(), rows.mean()])
        assert covered[round(rows.mean()), round(columns.mean())]
    rectangles = np.array(filled) > 0.97
    assert 70 < rectangles.sum() < 130
    assert np.mean(np.array(filled)[~rectangles]) == pytest.approx(np.pi / 4, abs=0.08)
    assert np.mean(centers, axis=0) == pytest.approx([31.5, 31.5], abs=3)
    assert np.std(centers, axis=0).min() > 5


def test_flat_patches_have_one_color_and_cover_a_fifth():
    crop = np.full((64, 64, 3), 9, np.uint8)
    shares = []
    for covered in patches(40, lambda: crop, AugmentationConfig(flat_patches=True), None):
        assert len(np.unique(covered.reshape(-1, 3), axis=0)) == 2
        shares.append((covered != crop).any(-1).mean())
    assert np.mean(shares) == pytest.approx(0.2, abs=0.01)
    assert (crop == 9).all()  # the argument is not changed


def test_patches_may_be_pieces_of_another_face():
    other, config = np.full((64, 64, 3), (1, 2, 3), np.uint8), AugmentationConfig()
    crops = patches(40, lambda: np.zeros((64, 64, 3), np.uint8), config, other)
    pieces = [crop for crop in crops if np.unique(crop.reshape(-1, 3), axis=0).tolist() == [[0, 0, 0], [1, 2, 3]]]
    assert 10 < len(pieces) < 30
    assert max((piece.any(-1)).mean() for piece in pieces) <= config.max_patch_size**2
