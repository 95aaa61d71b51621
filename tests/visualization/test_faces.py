from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from facelattice.exceptions import ArgumentError, ImageError
from facelattice.face import Face
from facelattice.geometry import points_box
from facelattice.image_io import save_image
from facelattice.schemes import Scheme, get_scheme, mean_shape
from facelattice.visualization.face_marks import COLORINGS, ERROR_COLORS, OTHER_COLORS, REGION_COLORS, STYLES
from facelattice.visualization.faces import DARK, draw_faces, draw_overlay


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


def test_image_may_be_a_path_or_a_pil_image(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (300, 320, 3), np.uint8)
    save_image(tmp_path / "a.png", image)
    expected = draw_faces(image, [make_face(200)])
    for source in (str(tmp_path / "a.png"), tmp_path / "a.png", Image.fromarray(image)):
        np.testing.assert_array_equal(draw_faces(source, [make_face(200)]), expected)
    assert (expected != image).any()


def test_one_face_is_drawn_as_a_list_of_one():
    face = make_face(200)
    np.testing.assert_array_equal(draw_faces(gray(), face), draw_faces(gray(), [face]))
    np.testing.assert_array_equal(draw_overlay((400, 400), face), draw_overlay((400, 400), [face]))


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1), (20, 30, 4)])
def test_gray_and_rgba_arrays_are_drawn_as_rgb(shape):
    np.testing.assert_array_equal(draw_faces(np.full(shape, 128, np.uint8), []), gray(20, 30))


@pytest.mark.parametrize(("image", "message"), [
    ("missing.jpg", r"missing\.jpg: no such file"),
    (np.zeros((3, 20, 30), np.uint8), "move the channels to the end"),
    (None, "an image must be a path, an RGB array or a PIL image, not NoneType"),
])  # fmt: skip
def test_image_that_cannot_be_loaded_is_rejected(image, message):
    with pytest.raises(ImageError, match=message):
        draw_faces(image, [])


def test_points_have_the_color_of_their_region():
    face = make_face()
    drawn = draw_faces(gray(), [face], color="region")
    parts = {"jaw": "jaw", "left_brow": "brow", "right_eye": "eye", "nose": "nose", "mouth": "mouth"}
    for region, part in parts.items():
        color = color_at(drawn, face.points[face.scheme.regions[region][0]])
        np.testing.assert_allclose(color, REGION_COLORS[part], atol=2)


def test_other_regions_have_other_colors_in_turn():
    scheme = Scheme.from_dict({"name": "dog", "points": 4, "regions": {"ear": [0], "left_eye": [1], "tail": [2]}})
    points = np.array([[50, 50], [150, 50], [50, 150], [150, 150]], np.float32)
    drawn = draw_faces(gray(), [Face(points, np.zeros(4, np.float32), 0.9, points_box(points), scheme)], color="region")
    for point, color in zip(
        points, (OTHER_COLORS[0], REGION_COLORS["eye"], OTHER_COLORS[1], OTHER_COLORS[0]), strict=True
    ):
        np.testing.assert_allclose(color_at(drawn, point), color, atol=2)


def test_dots_have_subpixel_positions():
    scheme = Scheme.from_dict({"name": "dot", "points": 1})
    points = np.array([[20.375, 11.75]], np.float32)
    face = Face(points, np.zeros(1, np.float32), 1.0, points_box(points), scheme)
    ink = (draw_faces(np.zeros((30, 40, 3), np.uint8), [face])).sum(2).astype(float)
    ys, xs = np.mgrid[:30, :40]
    assert (ink * xs).sum() / ink.sum() == pytest.approx(20.375, abs=0.15)
    assert (ink * ys).sum() / ink.sum() == pytest.approx(11.75, abs=0.15)


def test_colors_show_the_expected_error():
    for error, color in (
        (0, ERROR_COLORS[0]),
        (0.01, ERROR_COLORS[0]),
        (0.01 * 8**0.25, (160, 216, 166)),  # a quarter of the scale, in ratios
        (0.01 * 8**0.5, ERROR_COLORS[1]),
        (0.08, ERROR_COLORS[2]),
        (0.5, ERROR_COLORS[2]),
    ):
        face = make_face(600, errors=600 * error)
        np.testing.assert_allclose(color_at(draw_faces(gray(800, 800), [face]), face.points[8]), color, atol=2)


@pytest.mark.parametrize("size", [24, 60, 99, 101, 400])
@pytest.mark.parametrize("color", COLORINGS)
def test_uncertain_faces_differ_from_certain_ones_at_any_size(size, color):
    certain, uncertain = (draw_faces(gray(), [make_face(size, errors=e * size)], color=color) for e in (0.01, 0.1))
    changed = (certain != 128).any(2)
    assert np.abs(certain[changed].astype(int) - uncertain[changed]).max(1).mean() > 15


@pytest.mark.parametrize("size", [60, 600])
def test_hidden_points_are_hollow(size):
    face = make_face(size)
    chin = face.points[8]
    visible, hidden = (
        draw_faces(gray(800, 800), [replace(face, visibility=np.full(68, value, np.float32))]) for value in (0.6, 0.4)
    )
    assert (visible == draw_faces(gray(800, 800), [face])).all()  # as without a visibility
    assert color_at(hidden, chin).tolist() == [128] * 3  # the image, without the line of the jaw
    assert (color_at(visible, chin) != 128).all()


def test_points_that_are_uncertain_are_faint_if_colored_by_region():
    blue = REGION_COLORS["jaw"][2] - 128
    certain, uncertain = (  # 5 % of 600 is 30
        draw_faces(gray(800, 800), [make_face(600, errors=e)], color="region") for e in (29, 31)
    )
    line = make_face(600).points[[7, 8]].mean(0)
    for place in (make_face(600).points[8], line):
        faint, strong = (color_at(image, place)[2] - 128 for image in (uncertain, certain))
        assert 0.1 * blue < faint < 0.5 * blue < 0.55 * blue < strong


def test_small_faces_have_no_dark_edge():
    white = np.full((300, 300, 3), 255, np.uint8)
    small, large = (draw_faces(white, [make_face(size)], color="region") for size in (98, 110))
    assert small.max(2).min() > max(DARK) + 150
    assert large.max(2).min() <= max(DARK) + 20


def test_styles_draw_more_and_more():
    image = gray()
    faces = [make_face(300)]
    ink = {style: (draw_faces(image, faces, style) != image).any(2) for style in STYLES}
    for style in ("lines", "mesh", "numbers"):
        assert ink["points"].sum() < 0.6 * ink[style].sum()
    assert (ink["points"] <= ink["lines"]).all()
    assert (ink["lines"] <= ink["numbers"]).all()


def test_face_with_a_track_has_its_number():
    face = make_face(300)
    without, first, second = (draw_faces(gray(), [replace(face, track=track)]) for track in (None, 1, 2))
    label = np.s_[20:50, 50:120]  # above the left corner of the face
    assert (without[label] == 128).all()
    assert (first[label] != 128).any()
    assert (first[label] != second[label]).any()


@pytest.mark.parametrize("color", COLORINGS)
def test_overlay_over_the_image_is_the_drawing(color):
    image = np.random.default_rng(0).integers(0, 256, (200, 220, 3), np.uint8)
    faces = [replace(make_face(150, at=(30, 30), errors=np.linspace(1, 15, 68)), visibility=np.linspace(0, 1, 68))]
    overlay = draw_overlay(image.shape, faces, color=color)
    assert (overlay.shape, overlay.dtype) == ((200, 220, 4), np.uint8)
    assert (overlay[0, 0] == 0).all()
    alpha = overlay[..., 3:] / 255
    over_image = alpha * overlay[..., :3] + (1 - alpha) * image
    assert np.abs(over_image - draw_faces(image, faces, color=color)).max() < 8


@pytest.mark.parametrize(("name", "value"), [("style", "dots"), ("color", "blue")])
def test_unknown_style_is_rejected(name, value):
    with pytest.raises(ArgumentError, match=f"unknown {name} '{value}'; expected one of"):
        draw_faces(gray(), [], **{name: value})


def test_lines_grow_with_the_face():
    def mean_width(size: int) -> float:
        image = gray(1400, 1400)
        return (draw_faces(image, [make_face(size)]) != image).any(2).sum() / size

    assert mean_width(120) == pytest.approx(mean_width(150), rel=0.1)  # one pixel both
    assert 1.7 < mean_width(1200) / mean_width(150) < 3


def test_points_that_are_not_finite_are_left_out():
    face = make_face()
    points = face.points.copy()
    points[:17] = np.nan
    points[17] = np.inf
    drawn = draw_faces(gray(), [Face(points, face.expected_errors, 0.9, face.box, face.scheme)])
    x, y = np.round(face.points[8]).astype(int)
    assert (drawn[y - 9 : y + 10, x - 9 : x + 10] == 128).all()
    np.testing.assert_allclose(color_at(drawn, face.points[30]), ERROR_COLORS[0], atol=25)
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
