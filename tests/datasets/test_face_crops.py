import struct
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from facelattice.datasets.augmentation import AugmentationConfig, augment_colors, occlude, random_crop_transform
from facelattice.datasets.face_crops import FaceCrops
from facelattice.datasets.sample import Sample, make_sample
from facelattice.schemes import get_scheme, mean_shape

FIVE = get_scheme("five")
COLORS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255]])
PLAIN = AugmentationConfig(color=0, gray=0, dark=0, blur=0, low_resolution=0, noise=0, jpeg=0, occlusion=0, worn=0, background=0)
ROTATION_ONLY = AugmentationConfig(**{**vars(PLAIN), "scale": 0, "shift": 0, "mirror": False})


def face_image(path: Path, width: int, height: int, side: float, radius: float) -> Sample:
    """An image with a disc of its own color on each of five points, and the sample of it."""
    points = (mean_shape(FIVE) - mean_shape(FIVE).mean(0)) * side * 2 + [width * 0.48, height * 0.53]
    image = np.zeros((height, width, 3), np.uint8)
    for (x, y), color in zip(points * 16, COLORS.tolist(), strict=True):
        cv2.circle(image, (round(x), round(y)), round(radius * 16), color, -1, cv2.LINE_AA, 4)
    cv2.imwrite(str(path), image[..., ::-1])
    return make_sample(path, np.round(points * 16) / 16, FIVE, path.stem, "here")


def discs(item, reach: int = 10) -> tuple[np.ndarray, list[int]]:
    """The middles (5, 2) of the discs around an item's points, and which color each has there."""
    pixels = np.pad(item["crop"].numpy().astype(float), ((16, 16), (16, 16), (0, 0)))
    middles, which = [], []
    for x, y in item["points"].numpy().round().astype(int):
        part = pixels[16 + y - reach : 17 + y + reach, 16 + x - reach : 17 + x + reach]
        which.append(int(np.abs(COLORS - part[reach, reach]).sum(1).argmin()))
        weight = part.max(-1)
        dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        middles.append([x + (dx * weight).sum() / weight.sum(), y + (dy * weight).sum() / weight.sum()])
    return np.array(middles), which


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> list[Sample]:
    folder = tmp_path_factory.mktemp("faces")
    return [face_image(folder / f"{i}.png", 200 + 7 * i, 180, 60 + i, 7) for i in range(6)]


def same(a, b) -> bool:
    return all(torch.equal(a[key], b[key]) for key in ("crop", "points", "mask", "background"))


# --- points and pixels


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize(
    ("width", "height", "side", "shrink"),
    [(161, 143, 50, 1), (403, 397, 150, 2), (797, 811, 300, 4), (1603, 1597, 600, 8)],
)
def test_points_lie_on_the_same_spots_in_the_crop_as_in_the_image(tmp_path, width, height, side, shrink, suffix):
    sample = face_image(tmp_path / f"a{suffix}", width, height, side, side / 8)
    faces = FaceCrops([sample], size=64, margin=1.6)
    item = faces[0, 0, 0]
    assert list(faces._kept) == [(sample.path, shrink if suffix == ".jpg" else 1)]
    assert (item["crop"].dtype, tuple(item["crop"].shape)) == (torch.uint8, (64, 64, 3))
    middles, which = discs(item)
    assert which == [0, 1, 2, 3, 4]
    assert np.abs(middles - item["points"].numpy()).max() < 0.1  # half a pixel of what is decoded would be 0.25 or more


@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
@pytest.mark.parametrize(("width", "height", "side"), [(403, 397, 150), (801, 805, 300), (1601, 1593, 600)])
def test_points_lie_on_the_same_spots_of_a_photo_that_exif_turns(tmp_path, width, height, side, order):
    sample = face_image(tmp_path / "upright.png", width, height, side, side / 8)
    stored = cv2.rotate(cv2.imread(str(sample.path)), cv2.ROTATE_180)
    data = cv2.imencode(".jpg", stored)[1].tobytes()
    tiff = struct.pack(f"{order}2sHIHHHIHHI", b"II" if order == "<" else b"MM", 42, 8, 1, 0x0112, 3, 1, 3, 0, 0)
    exif = b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff  # 3: turned by 180 degrees
    (tmp_path / "turned.jpg").write_bytes(data[:2] + exif + data[2:])
    item = FaceCrops([replace(sample, path=tmp_path / "turned.jpg")], size=64, margin=1.6)[0, 0, 0]
    middles, which = discs(item)
    assert which == [0, 1, 2, 3, 4]
    assert np.abs(middles - item["points"].numpy()).max() < 0.1


def test_points_lie_on_the_same_spots_under_augmentation_and_mirrors_swap_their_meaning(samples):
    faces = FaceCrops(samples, 96, 2.2, PLAIN, seed=3)
    mirrored = []
    for place in range(24):
        item = faces[0, place, place % len(samples)]
        middles, which = discs(item)
        assert np.abs(middles - item["points"].numpy()).max() < 0.15
        assert which in ([0, 1, 2, 3, 4], [1, 0, 2, 4, 3])  # in a mirror the left eye is what was the right one
        mirrored.append(which[0] == 1)
        left_eye, right_eye = item["points"][:2]
        assert left_eye[0] < right_eye[0]  # left stays the left of the image (+-30 degrees of rotation)
    assert 4 < sum(mirrored) < 20


def test_a_mirrored_mask_goes_with_its_points(samples):
    half = make_sample(samples[0].path, np.where(np.arange(5)[:, None] == 0, np.nan, samples[0].points), FIVE, "a", "")
    faces = FaceCrops([half], 96, 2.2, PLAIN)
    missing = {tuple(torch.nonzero(~faces[0, place, 0]["mask"]).flatten().tolist()) for place in range(20)}
    assert missing == {(0,), (1,)}  # the left eye, or in a mirror the right one
    item = faces[0, 0, 0]
    assert (item["points"][~item["mask"]] == 0).all()
    assert item["points"].isfinite().all()


def test_without_augmentation_the_crop_is_that_of_the_box(samples):
    faces = FaceCrops(samples, 64, 1.5)
    item = faces[0, 0, 2]
    assert same(item, faces[9, 7, 2])
    points = item["points"].numpy()
    assert np.ptp(points, axis=0).max() == pytest.approx(64 / 1.5, abs=1e-3)
    np.testing.assert_allclose((points.min(0) + points.max(0)) / 2, [31.5, 31.5], atol=1e-3)


def test_a_photo_is_kept_at_each_size_that_it_is_decoded_at_and_only_while_there_is_room(tmp_path, monkeypatch):
    large = face_image(tmp_path / "a.jpg", 797, 811, 300, 40)
    near = replace(large, box=np.concatenate([large.points[0] - 15, large.points[0] + 15]))
    faces = FaceCrops([large, near], size=64, margin=1.6)
    for index in (0, 1, 0, 1):
        assert same(faces[0, 0, index], FaceCrops([large, near], 64, 1.6)[0, 0, index])
    assert sorted(faces._kept) == [(large.path, 1), (large.path, 4)]
    monkeypatch.setattr("facelattice.datasets.face_crops.KEPT_BYTES", 200 * 203 * 3)  # room for the one at a quarter
    faces = FaceCrops([large, near], size=64, margin=1.6)
    assert [faces[0, 0, index]["readable"] for index in (1, 0)] == [True, True]
    assert list(faces._kept) == [(large.path, 4)]


# --- reproducible


def test_an_item_depends_on_seed_and_key_alone(samples):
    faces = FaceCrops(samples, 64, 1.4, AugmentationConfig(), seed=1)
    key = (2, 5, 3)
    first = faces[key]
    for other in [(0, 0, 0), (2, 6, 3), (1, 5, 3)]:
        assert not torch.equal(faces[other]["crop"], first["crop"])
    np.random.seed(7)  # noqa: NPY002
    torch.manual_seed(7)
    assert same(FaceCrops(samples, 64, 1.4, AugmentationConfig(), seed=1)[key], first)
    assert not same(FaceCrops(samples, 64, 1.4, AugmentationConfig(), seed=2)[key], first)


def test_any_number_of_workers_in_any_order_makes_the_same_items(samples):
    faces = FaceCrops(samples, 48, 1.4, AugmentationConfig(occlusion=1.0), seed=1)
    keys = [(1, place, place % 6) for place in range(12)]
    alone = {key: faces[key] for key in keys}
    for order, workers in ((keys[::-1], 0), (keys[3:] + keys[:3], 2)):
        batches = [order[i : i + 4] for i in range(0, 12, 4)]
        loader = DataLoader(faces, batch_sampler=batches, num_workers=workers, collate_fn=list)
        items = [item for batch in loader for item in batch]
        assert all(same(item, alone[key]) for item, key in zip(items, order, strict=True))


# --- unreadable and background


@pytest.mark.parametrize("augment", [None, AugmentationConfig(), AugmentationConfig(background=1.0)])
def test_an_unreadable_image_counts_for_nothing(tmp_path, samples, augment):
    bad = make_sample(tmp_path / "bad.jpg", samples[0].points, FIVE, "bad", "here")
    (tmp_path / "bad.jpg").write_bytes(b"not an image")
    faces = FaceCrops([*samples, bad], 64, 1.4, augment)
    item = faces[0, 0, 6]
    assert (item["readable"], item["index"]) == (False, 6)
    assert not item["mask"].any()
    assert not item["background"]
    assert tuple(item["crop"].shape) == (64, 64, 3)
    good = faces[0, 0, 1]
    assert good["readable"]
    assert good["mask"].any() or good["background"]


def test_an_unreadable_face_to_cover_others_with_does_not_matter(tmp_path, samples):
    bad = make_sample(tmp_path / "gone.jpg", samples[0].points, FIVE, "gone", "here")
    faces = FaceCrops([samples[0], *[bad] * 20], 64, 1.4, AugmentationConfig(occlusion=1.0, background=0))
    assert all(faces[0, place, 0]["readable"] for place in range(10))


def test_background_is_beside_the_face_and_has_no_points(tmp_path):
    sample = face_image(tmp_path / "a.png", 600, 500, 60, 7)
    faces = FaceCrops([sample], 64, 1.0, AugmentationConfig(**{**vars(PLAIN), "background": 1.0, "occlusion": 1.0, "worn": 1.0}))
    items = [faces[0, place, 0] for place in range(10)]
    assert all(item["background"] and not item["mask"].any() for item in items)
    assert max(int((item["crop"] > 200).sum()) for item in items) < 300  # at most the edge of a disc, and no patch


def test_a_face_that_leaves_no_room_beside_it_is_never_background(tmp_path):
    sample = face_image(tmp_path / "a.png", 100, 100, 48, 7)
    sample = replace(sample, box=np.array([0.0, 0, 99, 99]))
    faces = FaceCrops([sample], 64, 1.0, AugmentationConfig(**{**vars(PLAIN), "background": 1.0}))
    items = [faces[0, place, 0] for place in range(10)]
    assert all(item["mask"].all() and not item["background"] for item in items)


def test_beside_the_photo_it_is_black_or_of_any_gray(tmp_path):
    sample = face_image(tmp_path / "a.png", 100, 100, 48, 7)
    faces = FaceCrops([sample], 64, 4.0, PLAIN)
    fills = [faces[0, place, 0]["crop"][0, 0].tolist() for place in range(60)]
    assert all(red == green == blue for red, green, blue in fills)
    assert 18 < sum(fill == [0, 0, 0] for fill in fills) < 42
    assert len({fill[0] for fill in fills}) > 15


# --- augmentation


def test_crop_matrix_stays_within_what_was_asked():
    box, rng = np.array([100.0, 100, 180, 180]), np.random.default_rng(0)
    augment = AugmentationConfig(rotation=20, scale=0.1, shift=0.05)
    angles, scales, mirrors, middles = [], [], [], []
    for _ in range(300):
        matrix, mirrored = random_crop_transform(box, 64, 1.25, augment, rng)
        linear = matrix[:, :2] * ([[-1], [1]] if mirrored else 1)
        assert np.linalg.det(linear) > 0
        angles.append(np.degrees(np.arctan2(linear[1, 0], linear[0, 0])))
        scales.append(np.sqrt(np.linalg.det(linear)) / (64 / 1.25 / 80))
        mirrors.append(mirrored)
        middles.append(np.linalg.solve(matrix[:, :2], [31.5, 31.5] - matrix[:, 2]) - 140)
    assert 19 < np.abs(angles).max() <= 20
    assert 1.08 < max(scales) <= np.exp(0.1) + 1e-9
    assert np.exp(-0.1) - 1e-9 <= min(scales) < 0.92
    assert 3.8 < np.abs(middles).max() <= 4.0 + 1e-9
    assert abs(np.corrcoef(np.array(middles).T)[0, 1]) < 0.2  # across and down by themselves
    assert 120 < sum(mirrors) < 180


def test_without_mirrors_no_crop_is_one():
    rng, augment = np.random.default_rng(0), AugmentationConfig(mirror=False)
    assert not any(random_crop_transform(np.array([10.0, 10, 90, 90]), 64, 1.3, augment, rng)[1] for _ in range(50))


def test_rotation_alone_turns_both_ways_about_the_middle(samples):
    faces = FaceCrops(samples, 96, 1.5, ROTATION_ONLY)
    eyes = [faces[0, place, 0]["points"][1] - faces[0, place, 0]["points"][0] for place in range(20)]
    angles = np.degrees(np.arctan2(*np.array([e.numpy()[::-1] for e in eyes]).T))
    assert angles.min() < -10
    assert angles.max() > 10
    assert np.abs(angles).max() <= 30.001


@pytest.mark.parametrize("change", ["color", "gray", "dark", "blur", "low_resolution", "noise", "jpeg"])
def test_each_photometric_change_is_made_and_can_be_left_out(change):
    crop = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)).permute(2, 0, 1)
    crop = torch.nn.functional.interpolate(crop[None].float(), size=64, mode="bilinear")[0].to(torch.uint8)
    assert torch.equal(augment_colors(crop, PLAIN, np.random.default_rng(0)), crop)
    always = AugmentationConfig(**{**vars(PLAIN), change: 1.0})
    changed = augment_colors(crop, always, np.random.default_rng(0))
    assert (changed.dtype, changed.shape) == (torch.uint8, crop.shape)
    assert not torch.equal(changed, crop)
    assert torch.equal(augment_colors(crop, always, np.random.default_rng(0)), changed)
    if change == "gray":
        assert torch.equal(changed[0], changed[2])


@pytest.mark.parametrize("change", ["color", "gray", "dark", "blur", "low_resolution", "jpeg"])
def test_what_is_seen_stays_where_it_is(change):
    crop = torch.zeros(3, 64, 64, dtype=torch.uint8)
    crop[:, 18:23, 38:43] = 255  # its middle is at (40, 20)
    always = AugmentationConfig(**{**vars(PLAIN), change: 1.0})
    for seed in range(20):
        light = augment_colors(crop, always, np.random.default_rng(seed)).float().mean(0)
        light = light * (light > light.max() / 4)
        x, y = light.sum(0) @ torch.arange(64.0) / light.sum(), light.sum(1) @ torch.arange(64.0) / light.sum()
        assert (x.item(), y.item()) == pytest.approx((40, 20), abs=1.5 if change == "low_resolution" else 0.3)


def test_a_larger_crop_is_blurred_as_much_for_its_size():
    def width(size: int) -> float:
        crop = torch.zeros(3, size, size, dtype=torch.uint8)
        crop[:, size // 2] = 255
        always = AugmentationConfig(**{**vars(PLAIN), "blur": 1.0})
        light = augment_colors(crop, always, np.random.default_rng(3))[0, :, 0].double()
        rows = torch.arange(size) - size // 2
        return float((light @ rows.double().square() / light.sum()).sqrt())

    assert width(256) == pytest.approx(2 * width(128), rel=0.1)


def test_noise_never_turns_white_into_black():
    always = AugmentationConfig(**{**vars(PLAIN), "noise": 1.0})
    for seed in range(10):
        for value in (0, 255):
            crop = torch.full((3, 32, 32), value, dtype=torch.uint8)
            noisy = augment_colors(crop, always, np.random.default_rng(seed)).int()
            assert (noisy - value).abs().max() < 128
            assert (noisy != value).any()


def test_a_second_patch_comes_half_as_often_as_the_first_and_the_papers_comes_alone(tmp_path):
    def face(name: str, gray: int) -> Sample:
        cv2.imwrite(str(tmp_path / name), np.full((80, 80, 3), gray, np.uint8))
        sample = make_sample(tmp_path / name, mean_shape(FIVE) * 40 + 20, FIVE, name, "here")
        return replace(sample, box=np.array([0.0, 0, 79, 79]))

    def changed(**changes) -> np.ndarray:
        """How many colors there are beside black in each of 300 crops of a black photo; the other faces are white."""
        augment = AugmentationConfig(**{**vars(PLAIN), "rotation": 0, "scale": 0, "shift": 0, **changes})
        faces = FaceCrops([face("black.png", 0), *[face("white.png", 255)] * 99], 32, 0.4, augment)
        return np.array([len(faces[0, place, 0]["crop"].reshape(-1, 3).unique(dim=0)) - 1 for place in range(300)])

    assert np.mean(changed(occlusion=0.6) == 0) == pytest.approx((1 - 0.6) * (1 - 0.3), abs=0.06)
    flat = changed(occlusion=0.6, flat_patches=True)
    assert np.mean(flat == 0) == pytest.approx(1 - 0.6, abs=0.06)
    assert flat.max() == 1


def test_patches_are_whole_rectangles_or_ellipses_anywhere():
    crop = np.zeros((64, 64, 3), np.uint8)
    other = np.full((64, 64, 3), 200, np.uint8)
    filled, middles = [], []
    for seed in range(200):
        covered = occlude(crop, AugmentationConfig(), np.random.default_rng(seed), other).any(-1)
        rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
        filled.append(covered.sum() / (np.ptp(rows) + 1) / (np.ptp(columns) + 1))
        middles.append([columns.mean(), rows.mean()])
        assert covered[round(rows.mean()), round(columns.mean())]
    whole = np.array(filled) > 0.97
    assert 70 < whole.sum() < 130
    assert np.mean(np.array(filled)[~whole]) == pytest.approx(np.pi / 4, abs=0.08)
    assert np.mean(middles, axis=0) == pytest.approx([31.5, 31.5], abs=3)
    assert np.std(middles, axis=0).min() > 5


def test_the_papers_patches_are_flat_and_cover_a_fifth():
    crop, augment = np.full((64, 64, 3), 9, np.uint8), AugmentationConfig(flat_patches=True)
    shares = []
    for seed in range(40):
        covered = occlude(crop, augment, np.random.default_rng(seed), None)
        colors = np.unique(covered.reshape(-1, 3), axis=0)
        assert len(colors) == 2
        shares.append((covered != crop).any(-1).mean())
    assert np.mean(shares) == pytest.approx(0.2, abs=0.01)
    assert (crop == 9).all()  # the crop that was handed in is left as it was


def test_pieces_of_another_face_come_from_that_face():
    crop, other = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), (1, 2, 3), np.uint8)
    seen = [occlude(crop, AugmentationConfig(), np.random.default_rng(seed), other) for seed in range(40)]
    pieces = [p for p in seen if np.unique(p.reshape(-1, 3), axis=0).tolist() == [[0, 0, 0], [1, 2, 3]]]
    assert 10 < len(pieces) < 30
    assert max((p.any(-1)).mean() for p in pieces) <= AugmentationConfig().patch ** 2
