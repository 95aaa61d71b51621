from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from facelattice import FaceAligner, geometry
from facelattice.annotate.prediction import NOTHING_FOUND, FaceSuggester, SuggestionThread, sort_by_uncertainty
from facelattice.annotate.project import UNTOUCHED, ImageRecord, Project
from facelattice.annotate.table import FaceAnnotation
from facelattice.exceptions import ImageError
from facelattice.image_io import save_image
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.schemes import SCHEMES, Scheme


@pytest.fixture(scope="module")
def images(tmp_path_factory, photo):
    """Three images: the photo, the photo moved, and gray without a face."""
    folder = tmp_path_factory.mktemp("images")
    save_image(folder / "a.png", photo)
    save_image(folder / "b.png", cv2.warpAffine(photo, np.array([[1.0, 0, 40], [0, 1, 20]]), photo.shape[1::-1]))
    save_image(folder / "c.png", np.full((200, 200, 3), 120, np.uint8))
    (folder / "d.png").write_bytes(b"no image")
    return sorted(folder.iterdir())


@pytest.fixture
def project(tmp_path, images):
    project = Project(tmp_path / "points.csv", SCHEMES["five"], images)
    yield project
    project.close()


def test_mean_shapes_come_nearer_with_each_face(project, photo):
    five = project.scheme
    suggester = FaceSuggester(project, None)
    (first,) = suggester.suggest(0).faces
    assert first.expected_errors is None
    assert geometry.iou(geometry.face_box(first.annotation.points), np.array([190, 110, 250, 170])) > 0.3
    face = FaceAligner("ibug68-fast")(photo)[0]
    truth = np.stack([face["left_eye"].mean(0), face["right_eye"].mean(0), *face.points[[30, 48, 54]]])
    project.update(0, UNTOUCHED, [FaceAnnotation(truth, np.zeros(len(five), bool))], done=True)
    (second,) = suggester.suggest(1).faces
    errors = np.linalg.norm(second.annotation.points - truth - [40, 20], axis=1)
    assert errors.max() < 3
    assert suggester.uncertainty(1) is None
    drawn = suggester.suggest_in_box(2, np.array([0, 0, 100, 80])).annotation.points
    assert geometry.points_box(drawn)[[0, 2]].tolist() == pytest.approx([0, 100], abs=0.01)


def test_a_model_takes_over(tmp_path, images, photo):
    model = Model(find_model("ibug68-fast"))
    project = Project(tmp_path / "points.csv", model.scheme, images)
    suggester = FaceSuggester(project, None)
    assert suggester.suggest(0).uncertainty is None
    suggester.use_model(model)
    (face,) = suggester.suggest(0).faces
    (expected,) = FaceAligner("ibug68-fast")(photo)
    np.testing.assert_allclose(face.annotation.points, expected.points, atol=0.01)
    np.testing.assert_array_equal(face.annotation.hidden, ~expected.visible)
    assert 0.005 < suggester.uncertainty(0) < 0.05
    assert suggester.suggest(2).uncertainty == NOTHING_FOUND
    # An annotation that is to be corrected: the model is far from a wrong one.
    moved = FaceAnnotation(expected.points + 20, np.zeros(68, bool))
    project.update(1, UNTOUCHED, [moved], done=False)
    assert suggester.suggest(1).uncertainty > 0.1
    drawn = suggester.suggest_in_box(0, expected.box)
    np.testing.assert_allclose(drawn.annotation.points, expected.points, atol=2)
    project.close()


def test_the_thread_computes_all_and_reports_unreadable_images(project, images):
    suggester = FaceSuggester(project, None)
    thread = SuggestionThread(project, suggester)
    thread.start()
    while 3 not in thread.unreadable:
        time.sleep(0.01)
    thread.stop()
    assert str(images[3]) in thread.unreadable[3]
    with pytest.raises(ImageError, match=r"d\.png"):
        suggester.suggest(3)


def test_order(images):
    records = [ImageRecord(images[0], "a", None, done, UNTOUCHED) for done in (False, True, False, False, False)]
    assert sort_by_uncertainty(records, [0.02, 0.5, 0.04, None, 0.04]) == [2, 4, 0, 3, 1]


def test_own_scheme_with_a_model_of_the_loop(tmp_path, images):
    """A model whose file does not map boxes of the detector gets the mapping of the annotated faces."""
    model = Model(find_model("ibug68-fast"))
    model.info.detectors["yunet"] = None
    project = Project(tmp_path / "own.csv", Scheme.from_dict({"name": "own", "points": 68}), images)
    points = FaceSuggester(project, Model(find_model("ibug68-fast"))).suggest(0).faces[0].annotation.points
    project.update(0, UNTOUCHED, [FaceAnnotation(points, np.zeros(68, bool))], done=True)
    FaceSuggester(project, model)
    assert model.info.detectors["yunet"]["scale"] == pytest.approx(0.9, abs=0.1)
    project.close()
