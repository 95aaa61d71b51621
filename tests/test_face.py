import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from facelattice import geometry
from facelattice.exceptions import ArgumentError, SchemeError
from facelattice.face import Face, Faces
from facelattice.schemes import Scheme, get_scheme, mean_shape


def slanted(scheme_name: str, angle: float, side: float = 90.0) -> Face:
    """A face rotated clockwise by ``angle``, with a red disc on its left eye and a green one on its right eye."""
    scheme = get_scheme(scheme_name)
    upright = (mean_shape(scheme) - 0.5) * side
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    points = (upright @ np.array([[c, s], [-s, c]]) + [150, 130]).astype(np.float32)
    image = np.zeros((260, 300, 3), np.uint8)
    for group, color in zip(scheme.ocular or scheme.pupils, ((255, 0, 0), (0, 255, 0)), strict=True):
        x, y = points[list(group)].mean(0) * 16
        cv2.circle(image, (round(float(x)), round(float(y))), 4 * 16, color, -1, cv2.LINE_AA, 4)
    box = geometry.points_box(points).astype(np.float32)
    return Face(points, np.full(len(points), 1.234, np.float32), 0.98765, box, scheme, image)


def centroid(channel: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[0 : channel.shape[0], 0 : channel.shape[1]]
    weight = channel / channel.sum(dtype=float)
    return np.array([(x * weight).sum(), (y * weight).sum()])


def test_to_dict_is_json_with_coordinates_to_1_100_pixel():
    face = slanted("five", 0)
    data = json.loads(json.dumps(face.to_dict(), allow_nan=False))
    assert list(data) == ["scheme", "score", "box", "points", "expected_errors", "pose", "measures"]
    assert list(data["pose"]) == ["yaw", "pitch", "roll"]
    assert list(data["measures"]) == ["mouth_width", "size"]  # five points have no eyelids, lips or brows
    assert (data["scheme"], data["score"], data["expected_errors"]) == ("five", 0.9877, [1.23] * 5)
    assert np.abs(np.array(data["points"]) - face.points).max() <= 0.0051
    assert np.abs(np.array(data["box"]) - face.box).max() <= 0.0051
    assert data["points"][0] == [round(float(v), 2) for v in face.points[0]]


@pytest.mark.parametrize("angle", [0, 25, -60, 135, 180])
@pytest.mark.parametrize("scheme", ["ibug68", "wflw98", "cofw29", "aflw19"])
def test_crop_is_upright_and_centered(scheme, angle):
    crop = slanted(scheme, angle).crop(200)
    assert (crop.shape, crop.dtype) == ((200, 200, 3), np.uint8)
    left, right = centroid(crop[..., 0]), centroid(crop[..., 1])
    assert abs(left[1] - right[1]) < 1
    assert left[0] < right[0]
    assert abs((left + right)[0] / 2 - 99.5) < 1  # the center of the face is the center of the crop
    assert left[1] < 99.5  # the eyes are in the upper half


def test_crop_of_five_points_is_upright():
    crop = slanted("five", 30).crop(200)
    assert abs(centroid(crop[..., 0])[1] - centroid(crop[..., 1])[1]) < 1


def test_margin_scales_the_face_in_the_crop():
    face = slanted("ibug68", 0)
    left, right = (centroid(face.crop(240, margin=m)[..., 1])[0] for m in (1.0, 2.0))
    assert (left - 119.5) / (right - 119.5) == pytest.approx(2, abs=0.05)


def test_crop_of_a_scheme_without_eyes_is_not_rotated():
    points = np.array([[100, 100], [140, 100], [120, 150]], np.float32)
    scheme = Scheme.from_dict({"name": "mine", "points": 3})
    image = np.zeros((260, 300, 3), np.uint8)
    image[120:131, 115:126] = 255  # around the center of the box, (120, 125)
    crop = Face(points, np.ones(3, np.float32), 1.0, geometry.points_box(points), scheme, image).crop(100)
    np.testing.assert_allclose(centroid(crop[..., 0]), [49.5, 49.5], atol=0.1)


def test_crop_needs_the_image():
    with pytest.raises(ArgumentError, match="without its image"):
        replace(slanted("five", 0), image=None).crop()


def test_points_by_region_and_name():
    face = slanted("ibug68", 0)
    np.testing.assert_array_equal(face["left_eye"], face.points[36:42])
    np.testing.assert_array_equal(face["nose_tip"], face.points[30])
    np.testing.assert_array_equal(face.points[face.scheme.regions["mouth"]], face.points[48:])
    with pytest.raises(SchemeError, match=r"ibug68 has no region or point 'nose_tp'; did you mean nose_tip\?"):
        face["nose_tp"]


def test_repr_is_one_line():
    face = slanted("ibug68", 0)
    assert repr(face) == "Face(ibug68, score=0.99, box=(105, 87, 195, 173), expected_error=1.2 px)"
    assert repr(replace(face, track=3)).endswith("expected_error=1.2 px, track=3)")
    assert repr(face.scheme) == "Scheme(ibug68, 68 points)"


def test_crop_matrix_maps_to_the_crop_and_back():
    face = slanted("ibug68", 40)
    matrix = face.crop_matrix(200)
    left = geometry.apply(matrix, face.points[36])
    np.testing.assert_allclose(centroid(face.crop(200)[..., 0]), left, atol=0.5)
    np.testing.assert_allclose(geometry.apply(geometry.invert(matrix), left), face.points[36], atol=1e-3)


def test_crops_have_the_size_of_their_template():
    face = slanted("ibug68", 10)
    shapes = {template: face.crop(template=template).shape for template in ("upright", "arcface", "ffhq")}
    assert shapes == {"upright": (256, 256, 3), "arcface": (112, 112, 3), "ffhq": (1024, 1024, 3)}
    assert face.crop(np.int64(80)).shape == (80, 80, 3)


def test_mask_has_the_shape_of_the_image_or_a_given_one():
    face = slanted("ibug68", 0)
    assert face.mask().shape == (260, 300)
    assert face.mask("lips", shape=(100, 120)).shape == (100, 120)
    with pytest.raises(ArgumentError, match="needs the shape"):
        replace(face, image=None).mask()


def test_notebooks_show_a_face_and_a_list_of_faces():
    face = slanted("ibug68", 15)
    for shown, shape in ((face, (256, 256, 3)), (Faces([face, face]), (260, 300, 3))):
        image = cv2.imdecode(np.frombuffer(shown._repr_png_(), np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == shape
    large = replace(face, image=np.zeros((1000, 3000, 3), np.uint8))
    assert cv2.imdecode(np.frombuffer(Faces([large])._repr_png_(), np.uint8), 1).shape == (341, 1024, 3)
    assert replace(face, image=None)._repr_png_() is None
    assert Faces()._repr_png_() is None
