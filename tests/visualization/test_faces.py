from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facelattice.exceptions import ArgumentError
from facelattice.face import Face
from facelattice.geometry import points_box
from facelattice.schemes import SCHEMES, Scheme, get_scheme, mean_shape
from facelattice.visualization.faces import COLORS, DARK, OTHER_COLORS, draw_faces, draw_scheme
from facelattice.visualization.scheme_layout import schematic_layout


def make_face(size=300.0, at=(50, 50), name="ibug68", errors=1.0) -> Face:
    scheme = get_scheme(name)
    points = (mean_shape(scheme) * size + at).astype(np.float32)
    return Face(points, np.broadcast_to(np.float32(errors), len(points)), 0.9, points_box(points), scheme)


def gray(height=400, width=400) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def color_at(image: np.ndarray, point: np.ndarray) -> np.ndarray:
    x, y = np.round(point).astype(int)
    return image[y, x].astype(int)


def test_faces_are_drawn_on_a_copy_within_their_box():
    image = gray()
    drawn = draw_faces(image, [make_face(200)])
    assert (drawn.shape, drawn.dtype) == ((400, 400, 3), np.uint8)
    assert (image == 128).all()
    ys, xs = np.nonzero((drawn != image).any(2))
    box = make_face(200).box
    assert np.abs(np.array([xs.min(), ys.min(), xs.max(), ys.max()]) - box).max() < 8


def test_image_without_faces_is_not_changed():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    np.testing.assert_array_equal(draw_faces(image, []), image)


@pytest.mark.parametrize("path", ["a.jpg", Path("a.jpg")])
def test_path_instead_of_an_array_is_rejected(path):
    with pytest.raises(ArgumentError, match=r"not a path: use load_image\('a\.jpg'\)"):
        draw_faces(path, [])


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 4)])
def test_array_that_is_not_rgb_is_rejected(shape):
    with pytest.raises(ArgumentError, match=r"uint8 \(H, W, 3\), not one of shape"):
        draw_faces(np.zeros(shape, np.uint8), [])


def test_points_have_the_color_of_their_region():
    face = make_face()
    drawn = draw_faces(gray(), [face])
    parts = {"jaw": "jaw", "left_brow": "brow", "right_eye": "eye", "nose": "nose", "mouth": "mouth"}
    for region, part in parts.items():
        color = color_at(drawn, face.points[face.scheme.regions[region][0]])
        np.testing.assert_allclose(color, COLORS[part], atol=2)


def test_other_regions_have_other_colors_in_turn():
    scheme = Scheme.from_dict({"name": "dog", "points": 4, "regions": {"ear": [0], "left_eye": [1], "tail": [2]}})
    points = np.array([[50, 50], [150, 50], [50, 150], [150, 150]], np.float32)
    drawn = draw_faces(gray(), [Face(points, np.zeros(4, np.float32), 0.9, points_box(points), scheme)])
    for point, color in zip(points, (OTHER_COLORS[0], COLORS["eye"], OTHER_COLORS[1], OTHER_COLORS[0]), strict=True):
        np.testing.assert_allclose(color_at(drawn, point), color, atol=2)


def test_dots_have_subpixel_positions():
    scheme = Scheme.from_dict({"name": "dot", "points": 1})
    points = np.array([[20.375, 11.75]], np.float32)
    face = Face(points, np.zeros(1, np.float32), 1.0, points_box(points), scheme)
    ink = (draw_faces(np.zeros((30, 40, 3), np.uint8), [face])).sum(2).astype(float)
    ys, xs = np.mgrid[:30, :40]
    assert (ink * xs).sum() / ink.sum() == pytest.approx(20.375, abs=0.15)
    assert (ink * ys).sum() / ink.sum() == pytest.approx(11.75, abs=0.15)


def test_hidden_points_are_circles_with_a_dark_center():
    face = make_face(600)
    chin = face.points[8]
    visible, hidden = (
        draw_faces(gray(800, 800), [replace(face, visibility=np.full(68, value, np.float32))]) for value in (0.6, 0.4)
    )
    assert (visible == draw_faces(gray(800, 800), [face])).all()  # as without a visibility
    assert color_at(hidden, chin).tolist() == list(DARK)
    line = face.points[[7, 8]].mean(0)
    assert color_at(hidden, line).tolist() == color_at(visible, line).tolist()


def test_uncertain_points_are_circles_with_faint_lines():
    blue = COLORS["jaw"][2] - 128
    certain, uncertain = (draw_faces(gray(800, 800), [make_face(600, errors=e)]) for e in (29, 31))  # 5 % of 600 is 30
    chin = make_face(600).points[8]
    assert color_at(certain, chin)[2] - 128 == pytest.approx(blue, abs=2)
    assert abs(color_at(uncertain, chin) - color_at(certain, chin)).max() > 40
    line = make_face(600).points[[7, 8]].mean(0)
    faint, strong = (color_at(image, line)[2] - 128 for image in (uncertain, certain))
    assert 0.2 * blue < faint < 0.6 * blue < 0.75 * blue < strong


def test_lines_grow_with_the_face():
    def mean_width(size: int) -> float:
        image = gray(1400, 1400)
        return (draw_faces(image, [make_face(size)]) != image).any(2).sum() / size

    assert mean_width(75) == pytest.approx(mean_width(150), rel=0.1)  # one pixel both
    assert 1.7 < mean_width(1200) / mean_width(150) < 3


def test_points_that_are_not_finite_are_left_out():
    face = make_face()
    points = face.points.copy()
    points[:17] = np.nan
    points[17] = np.inf
    drawn = draw_faces(gray(), [Face(points, face.expected_errors, 0.9, face.box, face.scheme)])
    x, y = np.round(face.points[8]).astype(int)
    assert (drawn[y - 9 : y + 10, x - 9 : x + 10] == 128).all()
    np.testing.assert_allclose(color_at(drawn, face.points[30]), COLORS["nose"], atol=2)
    nothing = Face(points * np.nan, face.expected_errors, 0.0, face.box, face.scheme)
    assert (draw_faces(gray(), [nothing]) == 128).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (40, 3)])
@pytest.mark.parametrize("size", [1e-6, 1, 30, 1e7])
def test_tiny_images_and_extreme_faces(shape, size):
    assert draw_faces(gray(*shape), [make_face(size, at=(-size / 2, -size / 2))]).shape == (*shape, 3)
    assert (draw_faces(gray(*shape), [make_face(30, at=(-500, 9000))]) == 128).all()


def test_all_of_sixty_faces_are_drawn():
    faces = [make_face(45, at=(50 * (i % 10), 50 * (i // 10)), name="wflw98") for i in range(60)]
    drawn = draw_faces(gray(300, 500), faces)
    for i in range(60):
        y, x = 50 * (i // 10), 50 * (i % 10)
        assert (drawn[y : y + 46, x : x + 46] != 128).any(2).mean() > 0.1


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
def test_scheme_chart_has_a_colored_dot_for_each_point(scheme):
    chart = draw_scheme(scheme, 600)
    assert (chart.shape, chart.dtype) == ((600, 600, 3), np.uint8)
    colors = np.array([*COLORS.values(), *OTHER_COLORS])
    for point in 600 * (0.07 + 0.86 * mean_shape(scheme)) - 0.5:
        assert np.abs(colors - color_at(chart, point)).max(1).min() <= 40


def test_scheme_chart_is_reproducible():
    np.testing.assert_array_equal(draw_scheme(get_scheme("five"), 200), draw_scheme(get_scheme("five"), 200))


def test_own_scheme_is_drawn_in_its_layout_or_on_a_given_shape():
    scheme = Scheme.from_dict({"name": "dog", "points": ["left_eye", "right_eye", "nose"]})
    shape = np.array([[10, 10], [30, 10], [20, 40]])
    for chart, places in (
        (draw_scheme(scheme, 600), schematic_layout(scheme)),
        (draw_scheme(scheme, 600, shape), np.array([[1 / 6, 0], [5 / 6, 0], [0.5, 1]])),
    ):
        for point in 600 * (0.07 + 0.86 * places) - 0.5:
            assert np.abs(np.array(OTHER_COLORS[0]) - color_at(chart, point)).max() <= 40
