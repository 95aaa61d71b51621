import numpy as np
import pytest

from facelattice import geometry

BOX = np.array([30.0, 20.0, 90.0, 60.0])  # 60 x 40 around (60, 40)


def gradient(width: int, height: int, x_slope: float = 1.0, y_slope: float = 1.0) -> np.ndarray:
    """An image whose red is ``x_slope`` x and whose green is ``y_slope`` y, so that a value gives its position."""
    y, x = np.mgrid[0:height, 0:width]
    return np.dstack([np.rint(x_slope * x), np.rint(y_slope * y), np.zeros_like(x)]).astype(np.uint8)


def source_points(matrix: np.ndarray, size: int) -> np.ndarray:
    """The point of the image that each pixel of a crop shows, (size, size, 2)."""
    y, x = np.mgrid[0:size, 0:size]
    return geometry.apply(geometry.invert(matrix), np.stack([x, y], -1))


def test_coordinates_from_the_corner_of_the_image():
    corners = geometry.to_corner_origin(np.array([[0, 0], [79, 59]], np.float32))  # pixels of an image of 80 x 60
    assert corners.tolist() == [[0.5, 0.5], [79.5, 59.5]]
    assert geometry.from_corner_origin(np.array([0, 0, 80, 60])).tolist() == [-0.5, -0.5, 79.5, 59.5]


# --- boxes


def test_points_box_ignores_non_finite_and_masked_points():
    points = np.array([[1, 2], [np.nan, 9], [5, -3], [100, 100]])
    assert geometry.points_box(points, [True, True, True, False]).tolist() == [1, -3, 5, 2]
    assert geometry.points_box(points).tolist() == [1, -3, 100, 100]
    with pytest.raises(ValueError, match="none of them is finite"):
        geometry.points_box(points, [False, True, False, False])


def test_face_box_of_points_on_a_line_is_square():
    assert geometry.face_box(np.array([[1, 2], [5, 2]])).tolist() == [1, 0, 5, 4]
    assert geometry.face_box(np.array([[1, 2], [5, 3]])).tolist() == [1, 2, 5, 3]


def test_box_center_box_side_and_square_box():
    assert geometry.box_center(BOX).tolist() == [60, 40]
    assert geometry.box_side(BOX) == 60
    assert geometry.square_box(geometry.box_center(BOX), 60).tolist() == [30, 10, 90, 70]


@pytest.mark.parametrize(
    ("other", "expected"),
    [((0, 0, 2, 2), 1), ((1, 0, 3, 2), 1 / 3), ((1, 1, 2, 2), 1 / 4), ((2, 0, 4, 2), 0), ((5, 5, 6, 6), 0)],
)
def test_iou_of_known_boxes(other, expected):
    assert geometry.iou(np.array([0, 0, 2, 2]), np.array(other)) == pytest.approx(expected)


def test_iou_of_boxes_without_an_area_is_zero():
    assert geometry.iou(np.array([1, 1, 1, 1]), np.array([1, 1, 1, 1])) == 0


def test_highest_iou():
    boxes = [np.array(box) for box in ((5, 5, 6, 6), (1, 0, 3, 2), (0.5, 0, 2.5, 2))]
    assert geometry.highest_iou(boxes, np.array([0, 0, 2, 2]), min_iou=0.6) == 2  # IoU 3 / 5
    assert geometry.highest_iou(boxes, np.array([0, 0, 2, 2]), min_iou=0.61) is None
    assert geometry.highest_iou([], np.array([0, 0, 2, 2]), min_iou=0) is None


def test_nms_keeps_the_best_of_overlapping_boxes():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [0, 0, 5, 10], [20, 0, 30, 10], [9, 0, 19, 10]], np.float32)
    assert geometry.nms(boxes, np.array([0.8, 0.9, 0.7, 0.6, 0.5]), 0.6) == [1, 3, 4]
    assert geometry.nms(boxes[:0], np.zeros(0), 0.6) == []


def test_sampled_background_box_lies_in_the_image_beside_all_faces():
    rng, faces = np.random.default_rng(0), [np.array([50.0, 50, 150, 170]), np.array([300.0, 200, 360, 260])]
    found = [box for _ in range(50) if (box := geometry.sample_background_box(faces, 600, 500, rng)) is not None]
    assert len(found) > 40
    for box in found:
        assert max(geometry.iou(box, face) for face in faces) < 0.02
        assert 30 <= geometry.box_side(box) <= 120
        assert np.all(geometry.box_center(box) >= 0)
        assert np.all(geometry.box_center(box) <= [600, 500])
    assert geometry.sample_background_box([np.array([0.0, 0, 100, 100])], 100, 100, rng) is None


# --- transforms


def test_crop_transform_maps_box_center_and_corners_to_those_of_the_crop():
    matrix = geometry.crop_transform(np.array([-0.5, -0.5, 63.5, 63.5]), size=64, margin=1.0)
    np.testing.assert_allclose(matrix, [[1, 0, 0], [0, 1, 0]], atol=1e-12)  # the image's own box gives the identity
    matrix = geometry.crop_transform(BOX, size=120, margin=1.0)
    corners = geometry.apply(matrix, np.array([[60, 40], [30, 10], [90, 70]]))
    np.testing.assert_allclose(corners, [[59.5, 59.5], [-0.5, -0.5], [119.5, 119.5]], atol=1e-5)
    wide = geometry.apply(geometry.crop_transform(BOX, 120, margin=2.0), np.array([[30, 40], [90, 40]]))
    np.testing.assert_allclose(wide, [[29.5, 59.5], [89.5, 59.5]], atol=1e-5)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("rotation", [0, 33, -170])
@pytest.mark.parametrize("box", [BOX, [3000, 2500, 3900, 3700], [-500, -20, -480, 10]])
def test_crop_transform_and_inverse_round_trip(box, rotation, mirror):
    points = np.random.default_rng(0).uniform(-0.5, 127.5, (50, 2))
    matrix = geometry.crop_transform(np.array(box), 128, 1.3, rotation, mirror)
    # float64 in between: float32 itself is no finer than 2e-4 px at 4000 px
    inverse = geometry.invert(matrix)
    in_image = points @ inverse[:, :2].T + inverse[:, 2]
    np.testing.assert_allclose(geometry.apply(matrix, in_image), points, atol=1e-4, rtol=0)
    np.testing.assert_allclose(geometry.compose(matrix, inverse), [[1, 0, 0], [0, 1, 0]], atol=1e-9)
    assert geometry.transform_scale(matrix) == pytest.approx(128 / 1.3 / geometry.box_side(box))


def test_rotation_is_clockwise_on_the_screen():
    points = np.array([[60, 40], [60, 30], [90, 40]])  # center, above it, right of it
    rotated = geometry.apply(geometry.crop_transform(BOX, 61, 61 / 60, rotation=90), points)
    np.testing.assert_allclose(rotated, [[30, 30], [40, 30], [30, 60]], atol=1e-4)  # above -> right, right -> below


def test_mirror_swaps_left_and_right_after_the_rotation():
    points = np.array([[60, 40], [60, 30], [90, 40]])
    plain = geometry.apply(geometry.crop_transform(BOX, 61, 61 / 60, rotation=90), points)
    mirrored = geometry.apply(geometry.crop_transform(BOX, 61, 61 / 60, rotation=90, mirror=True), points)
    np.testing.assert_allclose(mirrored, np.array([60, 0]) + plain * [-1, 1], atol=1e-4)


def test_compose_applies_the_first_transform_first():
    half, moved = np.array([[0.5, 0, 0], [0, 0.5, 0]]), np.array([[1, 0, 10], [0, 1, 20]])
    point = np.array([4.0, 6.0])
    assert geometry.apply(geometry.compose(moved, half), point).tolist() == [12, 23]
    assert geometry.apply(geometry.compose(half, moved), point).tolist() == [7, 13]


def test_downscale_transform_maps_the_center_of_a_block_to_its_pixel():
    matrix = geometry.downscale_transform(4)
    assert geometry.apply(matrix, np.array([[1.5, 1.5], [5.5, 1.5]])).tolist() == [[0, 0], [1, 0]]


@pytest.mark.parametrize(
    "box", [[0, 0, 0, 0], [9, 9, 3, 3], [0, 0, np.nan, 5], [0, 0, np.inf, 5], [0, 0, 5], [[0, 0, 5, 5]]]
)
def test_crop_transform_rejects_bad_boxes(box):
    with pytest.raises(ValueError, match=r"four finite numbers .*, not \["):
        geometry.crop_transform(np.array(box), 64, 1.2)


def test_similarity_recovers_scale_rotation_and_shift_without_mirror():
    source = np.random.default_rng(1).normal(size=(7, 2)) * 20
    expected = geometry.crop_transform(BOX, 128, 1.2, rotation=25)
    found = geometry.similarity(source, source @ expected[:, :2].T + expected[:, 2])
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert np.linalg.det(geometry.similarity(source, source * [-1, 1])[:, :2]) > 0
    with pytest.raises(ValueError, match="coincide"):
        geometry.similarity(np.ones((3, 2)), source[:3])


# --- warp


def test_identity_warp_returns_the_image():
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    same = geometry.warp(image, np.array([[1.0, 0, 0], [0, 1.0, 0]]), (50, 40))
    np.testing.assert_array_equal(same, image)


@pytest.mark.parametrize(
    ("rotation", "mirror", "margin"), [(0, False, 1.0), (30, False, 1.0), (0, True, 0.6), (-75, True, 0.9)]
)
def test_warp_agrees_with_the_transform(rotation, mirror, margin):
    image = gradient(120, 100, 2, 2.5)
    matrix = geometry.crop_transform(np.array([40, 35, 80, 75]), 48, margin, rotation, mirror)
    crop = geometry.warp(image, matrix, 48).astype(float)
    expected = source_points(matrix, 48) * [2, 2.5]
    assert np.abs(crop[..., :2] - expected).max() <= 1.0  # gray levels, 0.4 px or less; most of it is rounding
    assert np.abs((crop[..., :2] - expected).mean((0, 1))).max() < 0.15


@pytest.mark.parametrize("side", [150, 301, 640, 1000])
def test_strong_downscaling_has_no_half_pixel_error(side):
    """Up to 15 image pixels per crop pixel: half a crop pixel would be 1 to 8 image pixels."""
    image = np.dstack(np.meshgrid(np.arange(1020), np.arange(1020))).astype(np.float32)  # exact, where uint8 rounds
    box = geometry.square_box(np.array([507.3, 511.8]), side)
    for rotation in (0, 20):
        matrix = geometry.crop_transform(box, 64, 1.0, rotation)
        offset = geometry.warp(image, matrix, 64) - source_points(matrix, 64)
        inside = slice(16, 48)  # the corners of a rotated crop lie outside the image
        assert np.abs(offset[inside, inside]).max() < 0.02 * side / 64  # image pixels; OpenCV rounds to 1/32 pixel


@pytest.mark.parametrize("side", [64, 300, 600, 800])  # factors 16, 3.4, 1.7 and 1.28
def test_downscaling_averages_and_does_not_alias(side):
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = geometry.warp(stripes, geometry.crop_transform(np.array([-0.5, -0.5, 1023.5, 1023.5]), side, 1.0), side)
    assert set(np.unique(crop[1:-1, 1:-1])) <= {127, 128}


def test_blur_is_optional():
    dot = np.zeros((60, 60), np.uint8)
    dot[30, 30] = 255
    matrix = np.array([[2 / 3, 0, 0], [0, 2 / 3, 0]])
    assert geometry.warp(dot, matrix, 40, blur=False)[20, 20] == 255
    assert geometry.warp(dot, matrix, 40)[20, 20] == 64  # the center of a 1 2 1 kernel in both directions: 1/4


def test_crop_does_not_depend_on_the_image_around_it():
    image = np.random.default_rng(0).integers(0, 256, (600, 700, 3), dtype=np.uint8)
    image = image.reshape(60, 10, 70, 10, 3).mean((1, 3)).repeat(10, 0).repeat(10, 1).astype(np.uint8)
    box = np.array([203.0, 151, 413, 361])
    whole = geometry.warp(image, geometry.crop_transform(box, 64, 1.0), 64)
    part = image[100:420, 140:480]
    moved = geometry.warp(part, geometry.crop_transform(box - [140, 100, 140, 100], 64, 1.0), 64)
    assert np.abs(whole[1:-1, 1:-1].astype(int) - moved[1:-1, 1:-1]).mean() < 2


def test_pixels_outside_the_image_are_filled():
    image = np.full((50, 50, 3), 200, np.uint8)
    far = geometry.warp(image, geometry.crop_transform(np.array([500, 500, 600, 600]), 32, 1.0), 32, fill=7)
    assert (far.shape, far.dtype) == ((32, 32, 3), np.uint8)
    assert (far == 7).all()
    half = geometry.warp(image, geometry.crop_transform(np.array([24.5, 9.5, 74.5, 59.5]), 50, 1.0), 50, fill=7)
    assert (half[:39, :24] == 200).all()
    assert (half[:, 26:] == 7).all()
    assert (half[42:] == 7).all()


def test_warp_of_gray_image_to_a_rectangle():
    crop = geometry.warp(gradient(60, 40)[..., 0], np.array([[1.0, 0, -10], [0, 1.0, -5]]), (20, 12))
    assert crop.shape == (12, 20)
    assert crop[0].tolist() == list(range(10, 30))


def test_warp_accepts_images_wider_than_opencv_does():
    """cv2.warpAffine alone rejects images wider than 32767 px."""
    image = np.zeros((8, 40_000, 3), np.uint8)
    image[:, 39_000:] = 255
    crop = geometry.warp(image, geometry.crop_transform(np.array([38_991.5, -0.5, 39_007.5, 7.5]), 16, 1.0), 16)
    assert crop[8, :8].max() == 0
    assert crop[8, 8:].min() == 255


def test_upright_box_of_a_turned_rectangle():
    points = np.array([[-20, -10], [20, -10], [20, 10], [-20, 10]])
    turned = geometry.apply(geometry.crop_transform(np.array([100, 50, 101, 51]), 1, 1.0, 45), points)
    box = geometry.upright_box(turned, 45)
    np.testing.assert_allclose(box[2:] - box[:2], [40, 20], atol=1e-4)
    np.testing.assert_allclose(geometry.box_center(box), geometry.box_center(geometry.points_box(turned)), atol=1e-4)
    assert np.array_equal(geometry.upright_box(turned, 0), geometry.points_box(turned))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_turned_by_quarters_is_exact(quarters):
    image = np.random.default_rng(0).integers(0, 256, (7, 11, 3), dtype=np.uint8)
    turned, matrix = geometry.turn_image(image, 90 * quarters)
    assert np.array_equal(turned, np.rot90(image, quarters))
    x, y = np.round(geometry.apply(matrix, np.array([9, 2]))).astype(int)
    assert np.array_equal(turned[y, x], image[2, 9])


def test_turned_image_contains_all_and_is_downscaled():
    image = np.full((300, 400), 200, np.uint8)
    turned, matrix = geometry.turn_image(image, 30, max_side=100)
    assert turned.shape == (115, 124)  # 100 cos 30 + 75 sin 30 and 100 sin 30 + 75 cos 30
    assert turned.mean() == pytest.approx(200 * 100 * 75 / turned.size, rel=0.02)
    assert geometry.transform_scale(matrix) == pytest.approx(0.25)
    assert geometry.turn_image(np.zeros((1, 5000)), 45, max_side=100)[0].shape == (71, 71)
