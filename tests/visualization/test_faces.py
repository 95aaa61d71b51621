import numpy as np
import pytest

from facelattice.face import Face
from facelattice.geometry import points_box
from facelattice.schemes import SCHEMES, Scheme, get_scheme, mean_shape
from facelattice.visualization.faces import COLORS, OTHER_COLORS, _colors, _place_labels, draw_faces, draw_scheme


def face(size=300.0, at=(50, 50), name="ibug68", errors=1.0) -> Face:
    scheme = get_scheme(name)
    points = (mean_shape(scheme) * size + at).astype(np.float32)
    return Face(points, np.broadcast_to(np.float32(errors), len(points)), 0.9, points_box(points), scheme)


def gray(height=400, width=400):
    return np.full((height, width, 3), 128, np.uint8)


def changed(size, **more) -> np.ndarray:
    image = gray(1400, 1400)
    return (draw_faces(image, [face(size, **more)]) != image).any(2)


def test_draws_on_a_copy_and_near_the_face_alone():
    image = gray()
    drawn = draw_faces(image, [face(200)])
    assert (drawn.shape, drawn.dtype) == ((400, 400, 3), np.uint8)
    assert (image == 128).all()
    ys, xs = np.nonzero((drawn != image).any(2))
    box = face(200).box
    assert np.abs(np.array([xs.min(), ys.min(), xs.max(), ys.max()]) - box).max() < 8


def test_no_faces_no_change():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    np.testing.assert_array_equal(draw_faces(image, []), image)


def test_points_have_the_color_of_their_region():
    one = face()
    drawn = draw_faces(gray(), [one])
    parts = {"jaw": "jaw", "left_brow": "brow", "right_eye": "eye", "nose": "nose", "mouth": "mouth"}
    for region, part in parts.items():
        x, y = np.round(one.points[one.scheme.regions[region][0]]).astype(int)
        np.testing.assert_allclose(drawn[y, x].astype(int), COLORS[part], atol=2)


def test_dots_are_where_the_points_are_to_a_fraction_of_a_pixel():
    dot = Scheme.from_dict({"name": "dot", "points": 1})
    points = np.array([[20.375, 11.75]], np.float32)
    one = Face(points, np.zeros(1, np.float32), 1.0, points_box(points), dot)
    ink = (draw_faces(np.zeros((30, 40, 3), np.uint8), [one])).sum(2).astype(float)
    ys, xs = np.mgrid[:30, :40]
    assert (ink * xs).sum() / ink.sum() == pytest.approx(20.375, abs=0.15)
    assert (ink * ys).sum() / ink.sum() == pytest.approx(11.75, abs=0.15)


def test_unsure_points_are_hollow_and_their_lines_faint():
    x, y = np.round(face(600).points[8]).astype(int)  # the chin
    blue = COLORS["jaw"][2] - 128
    sure, unsure = (draw_faces(gray(800, 800), [face(600, errors=e)]).astype(int) for e in (29, 31))  # 5 % of 600 is 30
    assert sure[y, x, 2] - 128 == pytest.approx(blue, abs=2)
    assert abs(unsure[y, x] - sure[y, x]).max() > 40
    a, b = face(600).points[[7, 8]]
    mx, my = np.round((a + b) / 2).astype(int)
    assert 0.2 * blue < unsure[my, mx, 2] - 128 < 0.6 * blue < 0.75 * blue < sure[my, mx, 2] - 128


def test_lines_grow_with_the_face():
    ink = {size: changed(size).sum() / size for size in (75, 150, 1200)}  # the mean width of lines, scaled
    assert ink[75] == pytest.approx(ink[150], rel=0.1)  # one pixel both
    assert 1.7 < ink[1200] / ink[150] < 3


def test_points_that_are_not_finite_are_left_out():
    one = face()
    points = one.points.copy()
    points[:17] = np.nan
    points[17] = np.inf
    drawn = draw_faces(gray(), [Face(points, one.expected_errors, 0.9, one.box, one.scheme)])
    x, y = np.round(one.points[8]).astype(int)
    assert (drawn[y - 9 : y + 10, x - 9 : x + 10] == 128).all()
    x, y = np.round(one.points[30]).astype(int)
    np.testing.assert_allclose(drawn[y, x].astype(int), COLORS["nose"], atol=2)
    nothing = Face(points * np.nan, one.expected_errors, 0.0, one.box, one.scheme)
    assert (draw_faces(gray(), [nothing]) == 128).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (40, 3)])
@pytest.mark.parametrize("size", [1e-6, 1, 30, 1e7])
def test_tiny_images_and_absurd_faces(shape, size):
    assert draw_faces(gray(*shape), [face(size, at=(-size / 2, -size / 2))]).shape == (*shape, 3)
    assert (draw_faces(gray(*shape), [face(30, at=(-500, 9000))]) == 128).all()


def test_sixty_faces():
    faces = [face(45, at=(50 * (i % 10), 50 * (i // 10)), name="wflw98") for i in range(60)]
    drawn = draw_faces(gray(300, 500), faces)
    for i in range(60):
        y, x = 50 * (i // 10), 50 * (i % 10)
        assert (drawn[y : y + 46, x : x + 46] != 128).any(2).mean() > 0.1


def test_regions_of_ones_own_take_colors_in_turn():
    scheme = Scheme.from_dict({"name": "dog", "points": 4, "regions": {"ear": [0], "left_eye": [1], "tail": [2]}})
    assert _colors(scheme) == [OTHER_COLORS[0], COLORS["eye"], OTHER_COLORS[1], OTHER_COLORS[0]]


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
def test_scheme_chart(scheme):
    chart = draw_scheme(scheme, 600)
    assert (chart.shape, chart.dtype) == ((600, 600, 3), np.uint8)
    for point, color in zip(600 * (0.07 + 0.86 * mean_shape(scheme)) - 0.5, _colors(scheme), strict=True):
        x, y = np.round(point).astype(int)
        np.testing.assert_allclose(chart[y, x].astype(int), color, atol=40)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
def test_numbers_keep_clear_of_each_other_and_of_the_points(scheme):
    points = 900 * (0.07 + 0.86 * mean_shape(scheme))
    boxes = np.array([[9.0 * len(str(i)), 9.0] for i in range(len(scheme))])
    centers = _place_labels(scheme, points, boxes, 5.5)
    overlaps = (np.abs(centers[:, None] - centers) < (boxes[:, None] + boxes) / 2).all(2)
    assert (overlaps == np.eye(len(scheme), dtype=bool)).all()
    assert not (np.abs(centers[:, None] - points) < boxes[:, None] / 2).all(2).any()
    assert np.linalg.norm(centers - points, axis=1).max() < 45
    assert (centers > boxes / 2).all()
    assert (centers < 900 - boxes / 2).all()


def test_chart_of_a_scheme_without_a_mean_face():
    with pytest.raises(ValueError, match="no mean shape is stored for 'dog'"):
        draw_scheme(Scheme.from_dict({"name": "dog", "points": 3}))


def test_chart_is_the_same_each_time():
    np.testing.assert_array_equal(draw_scheme(get_scheme("five"), 200), draw_scheme(get_scheme("five"), 200))
