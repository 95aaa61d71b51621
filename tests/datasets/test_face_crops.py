from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from facelattice.datasets import face_crops
from facelattice.datasets.augmentation import AugmentationConfig
from facelattice.datasets.face_crops import FaceCrops
from facelattice.datasets.sample import Sample, make_sample
from facelattice.schemes import get_scheme, mean_shape

FIVE = get_scheme("five")
COLORS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255]])
PLAIN = AugmentationConfig(
    color=0, grayscale=0, gamma=0, blur=0, low_resolution=0, noise=0, jpeg=0, occlusion=0, accessories=0, background=0,
    turned=0,
)  # fmt: skip


def face_image(path: Path, width: int, height: int, side: float, radius: float) -> Sample:
    """Write an image with a disc of another color on each of five points, and return its sample."""
    points = (mean_shape(FIVE) - mean_shape(FIVE).mean(0)) * side * 2 + [width * 0.48, height * 0.53]
    image = np.zeros((height, width, 3), np.uint8)
    for (x, y), color in zip(points * 16, COLORS.tolist(), strict=True):
        cv2.circle(image, (round(x), round(y)), round(radius * 16), color, -1, cv2.LINE_AA, 4)
    cv2.imwrite(str(path), image[..., ::-1])
    return make_sample(path, np.round(points * 16) / 16, FIVE, path.stem, "here")


def find_discs(item, reach: int = 10) -> tuple[np.ndarray, list[int]]:
    """The centers (5, 2) of the discs near an item's points, and the index of the color of each."""
    pixels = np.pad(item["crop"].numpy().astype(float), ((16, 16), (16, 16), (0, 0)))
    centers, colors = [], []
    for x, y in item["points"].numpy().round().astype(int):
        part = pixels[16 + y - reach : 17 + y + reach, 16 + x - reach : 17 + x + reach]
        colors.append(int(np.abs(COLORS - part[reach, reach]).sum(1).argmin()))
        mass = part.max(-1)
        dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        centers.append([x + (dx * mass).sum() / mass.sum(), y + (dy * mass).sum() / mass.sum()])
    return np.array(centers), colors


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> list[Sample]:
    folder = tmp_path_factory.mktemp("faces")
    return [face_image(folder / f"{i}.png", 200 + 7 * i, 180, 60 + i, 7) for i in range(6)]


@pytest.fixture
def loads(monkeypatch) -> list[tuple[str, int]]:
    """The names and the shrink factors of all images that are decoded."""
    calls: list[tuple[str, int]] = []
    load: Callable[..., np.ndarray] = face_crops.load_image

    def record(path: Path, shrink: int = 1) -> np.ndarray:
        calls.append((path.name, shrink))
        return load(path, shrink=shrink)

    monkeypatch.setattr(face_crops, "load_image", record)
    return calls


def equal(a, b) -> bool:
    return all(torch.equal(a[key], b[key]) for key in ("crop", "points", "mask", "background"))


# --- points and pixels


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize(
    ("width", "height", "side", "shrink"),
    [(161, 143, 50, 1), (403, 397, 150, 2), (797, 811, 300, 4), (1603, 1597, 600, 8)],
)
def test_points_match_the_pixels_of_the_crop(tmp_path, loads, width, height, side, shrink, suffix):
    sample = face_image(tmp_path / f"a{suffix}", width, height, side, side / 8)
    item = FaceCrops([sample], crop_size=64, crop_margin=1.6)[0, 0, 0]
    assert loads == [(sample.path.name, shrink if suffix == ".jpg" else 1)]
    assert (item["crop"].dtype, tuple(item["crop"].shape)) == (torch.uint8, (64, 64, 3))
    centers, colors = find_discs(item)
    assert colors == [0, 1, 2, 3, 4]
    assert np.abs(centers - item["points"].numpy()).max() < 0.1  # half a decoded pixel would be 0.25 or more


@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
@pytest.mark.parametrize(("width", "height", "side"), [(403, 397, 150), (801, 805, 300), (1601, 1593, 600)])
def test_points_match_the_pixels_of_a_photo_with_exif_orientation(tmp_path, width, height, side, order):
    sample = face_image(tmp_path / "upright.png", width, height, side, side / 8)
    stored = cv2.rotate(cv2.imread(str(sample.path)), cv2.ROTATE_180)
    data = cv2.imencode(".jpg", stored)[1].tobytes()
    tiff = struct.pack(f"{order}2sHIHHHIHHI", b"II" if order == "<" else b"MM", 42, 8, 1, 0x0112, 3, 1, 3, 0, 0)
    exif = b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff  # 3: rotated by 180 degrees
    (tmp_path / "rotated.jpg").write_bytes(data[:2] + exif + data[2:])
    item = FaceCrops([replace(sample, path=tmp_path / "rotated.jpg")], crop_size=64, crop_margin=1.6)[0, 0, 0]
    centers, colors = find_discs(item)
    assert colors == [0, 1, 2, 3, 4]
    assert np.abs(centers - item["points"].numpy()).max() < 0.1


def test_points_match_the_pixels_of_augmented_crops_and_mirroring_swaps_sides(samples):
    crops = FaceCrops(samples, 96, 2.2, PLAIN, seed=3)
    mirrored = []
    for place in range(24):
        item = crops[0, place, place % len(samples)]
        centers, colors = find_discs(item)
        assert np.abs(centers - item["points"].numpy()).max() < 0.15
        assert colors in ([0, 1, 2, 3, 4], [1, 0, 2, 4, 3])
        mirrored.append(colors[0] == 1)
        left_eye, right_eye = item["points"][:2]
        assert left_eye[0] < right_eye[0]  # left stays the left of the image, at up to 30 degrees of rotation
    assert 4 < sum(mirrored) < 20


def test_mirroring_swaps_the_mask(samples):
    points = np.where(np.arange(5)[:, None] == 0, np.nan, samples[0].points)
    crops = FaceCrops([make_sample(samples[0].path, points, FIVE, "a", "")], 96, 2.2, PLAIN)
    missing = {tuple(torch.nonzero(~crops[0, place, 0]["mask"]).flatten().tolist()) for place in range(20)}
    assert missing == {(0,), (1,)}
    item = crops[0, 0, 0]
    assert (item["points"][~item["mask"]] == 0).all()
    assert item["points"].isfinite().all()


def test_plain_crop_is_the_box_with_its_margin(samples):
    crops = FaceCrops(samples, 64, 1.5)
    item = crops[0, 0, 2]
    assert equal(item, crops[9, 7, 2])
    points = item["points"].numpy()
    assert np.ptp(points, axis=0).max() == pytest.approx(64 / 1.5, abs=1e-3)
    np.testing.assert_allclose((points.min(0) + points.max(0)) / 2, [31.5, 31.5], atol=1e-3)


def test_rotation_goes_to_both_sides_around_the_center(samples):
    crops = FaceCrops(samples, 96, 1.5, replace(PLAIN, scale=0, shift=0, mirror=False))
    eyes = [crops[0, place, 0]["points"][1] - crops[0, place, 0]["points"][0] for place in range(20)]
    angles = np.degrees(np.arctan2(*np.array([e.numpy()[::-1] for e in eyes]).T))
    assert angles.min() < -10
    assert angles.max() > 10
    assert np.abs(angles).max() <= 30.001


def test_turned_crops_are_rotated_by_more_than_the_others(samples):
    crops = FaceCrops(samples, 96, 1.5, replace(PLAIN, turned=0.5, scale=0, shift=0, mirror=False))
    angles: dict[bool, list[float]] = {True: [], False: []}
    for place in range(60):
        item = crops[0, place, 0]
        x, y = (item["points"][1] - item["points"][0]).tolist()
        angles[bool(item["turned"])].append(abs(np.degrees(np.arctan2(y, x))))
        assert (item["visibility"] == -1).all()
    assert 18 < len(angles[True]) < 42
    assert max(angles[False]) < 30.001 < min(angles[True])
    assert max(angles[True]) > 150


# --- visibility and annotation style


def test_visibility_follows_the_flags_and_the_mirror(samples):
    flags = {"hidden": np.arange(5) == 0, "visible": np.arange(5) == 2}
    crops = FaceCrops([replace(samples[0], **flags)], 96, 2.2, PLAIN)
    assert FaceCrops(crops.samples, 96, 2.2)[0, 0, 0]["visibility"].tolist() == [0, -1, 1, -1, -1]
    found = {tuple(crops[0, place, 0]["visibility"].tolist()) for place in range(20)}
    assert found == {(0, -1, 1, -1, -1), (-1, 0, 1, -1, -1)}


def test_points_behind_patches_and_accessories_are_hidden(samples):
    everything = replace(samples[0], visible=np.ones(5, bool))
    for changes in ({"occlusion": 1.0}, {"accessories": 1.0}):
        crops = FaceCrops([everything], 96, 2.2, replace(PLAIN, **changes, flat_patches=True))
        hidden = 0
        for place in range(30):
            item = crops[0, place, 0]
            colors = find_discs(item)[1]
            truth = {0: [0, 1, 2, 3, 4], 1: [1, 0, 2, 4, 3]}
            visible = item["visibility"].numpy() == 1
            hidden += int((~visible).sum())
            assert any(all(np.array(colors)[visible] == np.array(order)[visible]) for order in truth.values())
        assert 15 < hidden < 135


def test_style_is_an_index_into_the_networks_styles(samples):
    faces = [replace(samples[0], annotation_style=style) for style in ("b", "", "c")]
    crops = FaceCrops(faces, 32, 1.5, styles=["a", "b"])
    assert [crops[0, 0, i]["style"] for i in range(3)] == [1, -1, -1]


# --- cache of decoded images


def test_decoded_images_are_cached_for_each_shrink_factor(tmp_path, loads):
    large = face_image(tmp_path / "a.jpg", 797, 811, 300, 40)
    near = replace(large, box=np.concatenate([large.points[0] - 15, large.points[0] + 15]))
    crops = FaceCrops([large, near], crop_size=64, crop_margin=1.6)
    first = [crops[0, 0, index] for index in (0, 1)]
    assert loads == [("a.jpg", 4), ("a.jpg", 1)]
    assert all(equal(crops[0, 0, index], first[index]) for index in (0, 1))
    assert len(loads) == 2


def test_cache_does_not_exceed_its_size(tmp_path, loads, monkeypatch):
    large = face_image(tmp_path / "a.jpg", 797, 811, 300, 40)
    near = replace(large, box=np.concatenate([large.points[0] - 15, large.points[0] + 15]))
    monkeypatch.setattr(face_crops, "CACHE_BYTES", 200 * 203 * 3)  # the size of the image at a quarter
    crops = FaceCrops([large, near], crop_size=64, crop_margin=1.6)
    assert [crops[0, 0, index]["readable"] for index in (1, 0, 1, 0)] == [True] * 4
    assert loads == [("a.jpg", 1), ("a.jpg", 4), ("a.jpg", 1)]


# --- reproducibility


def test_crop_depends_on_seed_and_key_only(samples):
    crops = FaceCrops(samples, 64, 1.4, AugmentationConfig(), seed=1)
    key = (2, 5, 3)
    first = crops[key]
    for other in [(0, 0, 0), (2, 6, 3), (1, 5, 3)]:
        assert not torch.equal(crops[other]["crop"], first["crop"])
    np.random.seed(7)  # noqa: NPY002
    torch.manual_seed(7)
    assert equal(FaceCrops(samples, 64, 1.4, AugmentationConfig(), seed=1)[key], first)
    assert not equal(FaceCrops(samples, 64, 1.4, AugmentationConfig(), seed=2)[key], first)


def test_crops_do_not_depend_on_workers_and_order(samples):
    crops = FaceCrops(samples, 48, 1.4, AugmentationConfig(occlusion=1.0), seed=1)
    keys = [(1, place, place % 6) for place in range(12)]
    expected = {key: crops[key] for key in keys}
    for order, workers in ((keys[::-1], 0), (keys[3:] + keys[:3], 2)):
        batches = [order[i : i + 4] for i in range(0, 12, 4)]
        loader = DataLoader(crops, batch_sampler=batches, num_workers=workers, collate_fn=list)
        items = [item for batch in loader for item in batch]
        assert all(equal(item, expected[key]) for item, key in zip(items, order, strict=True))


# --- unreadable images and background


@pytest.mark.parametrize("augmentation", [None, AugmentationConfig(), AugmentationConfig(background=1.0)])
def test_unreadable_image_gives_an_empty_mask(tmp_path, samples, augmentation):
    bad = make_sample(tmp_path / "bad.jpg", samples[0].points, FIVE, "bad", "here")
    bad.path.write_bytes(b"not an image")
    crops = FaceCrops([*samples, bad], 64, 1.4, augmentation)
    item = crops[0, 0, 6]
    assert (item["readable"], item["index"]) == (False, 6)
    assert not item["mask"].any()
    assert not item["background"]
    assert tuple(item["crop"].shape) == (64, 64, 3)
    good = crops[0, 0, 1]
    assert good["readable"]
    assert good["mask"].any() or good["background"]


def test_unreadable_image_of_an_occlusion_patch_is_ignored(tmp_path, samples):
    missing = make_sample(tmp_path / "missing.jpg", samples[0].points, FIVE, "missing", "here")
    crops = FaceCrops([samples[0], *[missing] * 20], 64, 1.4, AugmentationConfig(occlusion=1.0, background=0))
    assert all(crops[0, place, 0]["readable"] for place in range(10))


def test_background_crops_are_beside_the_face_and_have_no_points(tmp_path):
    sample = face_image(tmp_path / "a.png", 600, 500, 60, 7)
    crops = FaceCrops([sample], 64, 1.0, replace(PLAIN, background=1.0, occlusion=1.0, accessories=1.0))
    items = [crops[0, place, 0] for place in range(10)]
    assert all(item["background"] and not item["mask"].any() for item in items)
    assert max(int((item["crop"] > 200).sum()) for item in items) < 300  # at most the edge of a disc, and no patch


def test_face_that_fills_its_image_gives_no_background(tmp_path):
    sample = replace(face_image(tmp_path / "a.png", 100, 100, 48, 7), box=np.array([0.0, 0, 99, 99]))
    crops = FaceCrops([sample], 64, 1.0, replace(PLAIN, background=1.0))
    items = [crops[0, place, 0] for place in range(10)]
    assert all(item["mask"].all() and not item["background"] for item in items)


def test_pixels_outside_the_image_are_black_or_gray(tmp_path):
    crops = FaceCrops([face_image(tmp_path / "a.png", 100, 100, 48, 7)], 64, 4.0, PLAIN)
    fills = [crops[0, place, 0]["crop"][0, 0].tolist() for place in range(60)]
    assert all(red == green == blue for red, green, blue in fills)
    assert 18 < sum(fill == [0, 0, 0] for fill in fills) < 42
    assert len({fill[0] for fill in fills}) > 15


# --- occlusion patches


def test_second_patch_has_half_the_probability_and_flat_patches_have_no_second(tmp_path):
    def face(name: str, gray: int) -> Sample:
        cv2.imwrite(str(tmp_path / name), np.full((80, 80, 3), gray, np.uint8))
        sample = make_sample(tmp_path / name, mean_shape(FIVE) * 40 + 20, FIVE, name, "here")
        return replace(sample, box=np.array([0.0, 0, 79, 79]))

    def count_colors(**changes) -> np.ndarray:
        """The number of colors beside black in each of 300 crops of a black image; the other faces are white."""
        augmentation = replace(PLAIN, rotation=0, scale=0, shift=0, **changes)
        crops = FaceCrops([face("black.png", 0), *[face("white.png", 255)] * 99], 32, 0.4, augmentation)
        return np.array([len(crops[0, place, 0]["crop"].reshape(-1, 3).unique(dim=0)) - 1 for place in range(300)])

    assert np.mean(count_colors(occlusion=0.6) == 0) == pytest.approx((1 - 0.6) * (1 - 0.3), abs=0.06)
    flat = count_colors(occlusion=0.6, flat_patches=True)
    assert np.mean(flat == 0) == pytest.approx(1 - 0.6, abs=0.06)
    assert flat.max() == 1
