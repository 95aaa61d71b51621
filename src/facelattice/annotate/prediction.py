"""Suggested points for images without annotations, and the order of the images by uncertainty.

With a model, faces are detected and predicted. Without one, the mean shape of the annotated faces is put into the
detected boxes, or into a box that the user draws. Images are more uncertain if the expected errors of the model are
larger, if its predictions in several crops differ, or if it differs from an annotation that is to be corrected.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.annotate.project import ImageRecord, Project
from facelattice.annotate.shapes import average_shape, initial_shape, normalize, place_shape
from facelattice.annotate.table import FaceAnnotation
from facelattice.detection import YuNetDetector, fit_box_mapping, map_box
from facelattice.exceptions import FacelatticeError, ImageError
from facelattice.face import Face
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.onnx_model import Model
from facelattice.inference.predictor import MIN_SCORE
from facelattice.training.pseudo_labels import predict_views

NOTHING_FOUND = 1.0  # uncertainty of an image without a detected face, as a fraction of the face's size
# From detected boxes to the boxes of the points of ibug68, as in the bundled models.
FACE_MAPPING = {"offset": [0.0048, 0.1458], "scale": 0.915}
MIN_IOU = 0.1  # of a detected box and the annotated points, which may be in a small part of the face
MIN_CONFIDENCE = 0.6  # of the detector; faces with a lower confidence need a good score of a model


@dataclass(frozen=True, eq=False)
class SuggestedFace:
    """A face that the user can accept or correct.

    Attributes:
        annotation: Its points.
        expected_errors: float32 (N,), pixels; None without a model.
    """

    annotation: FaceAnnotation
    expected_errors: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Suggestion:
    """The suggested faces of one image.

    Attributes:
        faces: The faces; none if the detector finds none.
        uncertainty: The largest uncertainty of a face, as a fraction of its size; None without a model.
    """

    faces: tuple[SuggestedFace, ...]
    uncertainty: float | None


class FaceSuggester:
    """Suggests faces for the images of a project. The methods can be called in several threads.

    Args:
        project: The project.
        model: The model; None to suggest mean shapes.
    """

    def __init__(self, project: Project, model: Model | None):
        self._project = project
        self._detector = YuNetDetector()
        self._lock = threading.Lock()  # detector and model run one at a time, as they use all processors
        self._boxes: dict[int, np.ndarray] = {}  # detected boxes (M, 4) by image
        self._found: dict[int, tuple[str, Suggestion]] = {}  # by image, with the version it was computed for
        self._aligner: FaceAligner | None = None
        self._shape: tuple[int, np.ndarray | None] | None = None  # the mean shape, and the revision of the project
        self.model_name: str | None = None
        self.generation = 0  # the number of models so far
        if model is not None:
            self.use_model(model)

    def use_model(self, model: Model) -> None:
        """Use a model for the suggestions from now on.

        If the model file has no mapping for the boxes of the detector, it is fitted to the annotated faces.
        """
        detectors = model.info.detectors
        with self._lock:
            if detectors.get(self._detector.name) is None:
                mapping = self._fit_mapping()
                model.info = replace(model.info, detectors={**detectors, self._detector.name: mapping})
            self._aligner = FaceAligner(model, self._detector, min_score=0.0)
            self.model_name = model.name
            self.generation += 1
            self._found.clear()

    def uncertainty(self, index: int) -> float | None:
        """Return the uncertainty of an image; None before it is computed, or without a model."""
        found = self._found.get(index)
        return found[1].uncertainty if found is not None else None

    def suggest(self, index: int) -> Suggestion:
        """Return the suggestion for an image, computed once for each model.

        Raises:
            ImageError: If the image cannot be read.
        """
        record = self._project.records[index]
        with self._lock:
            found = self._found.get(index)
            if found is not None and found[0] == record.version:
                return found[1]
            image = load_image(record.path)
            if self._aligner is None:
                return self._suggest_shapes(index, image)
            suggestion = self._predict(self._aligner, record, image)
            self._found[index] = (record.version, suggestion)
            return suggestion

    def suggest_in_box(self, index: int, box: np.ndarray) -> SuggestedFace:
        """Return the face in a box (4,) that the user drew around the points.

        Raises:
            ImageError: If the image cannot be read.
        """
        if self._aligner is None:
            return SuggestedFace(_visible(place_shape(self.mean_shape(), box)))
        image = load_image(self._project.records[index].path)
        with self._lock:
            (face,) = self._aligner.predictor.predict([image], [box])
        return _suggest(face)

    def mean_shape(self) -> np.ndarray:
        """Return the mean shape (N, 2) of the annotated faces, or a rough layout before there are any."""
        average = self._average()
        return normalize(initial_shape(self._project.scheme)) if average is None else average

    def _predict(self, aligner: FaceAligner, record: ImageRecord, image: np.ndarray) -> Suggestion:
        if record.faces:  # for an annotation to be corrected, the uncertainty is its distance from the prediction
            boxes = [geometry.face_box(face.points) for face in record.faces]
            faces = aligner.predictor.predict([image] * len(boxes), boxes)
            errors = [_distance(face, old) for face, old in zip(faces, record.faces, strict=True)]
        else:
            # A model trained on a few faces gives low scores even to clear faces.
            found = aligner(image)
            faces = [face for face in found if face.confidence >= MIN_CONFIDENCE or face.score >= MIN_SCORE]
            errors = [_uncertainty(aligner.model, image, face) for face in faces]
        return Suggestion(tuple(map(_suggest, faces)), max(errors, default=NOTHING_FOUND))

    def _suggest_shapes(self, index: int, image: np.ndarray) -> Suggestion:
        """Put the mean shape into the detected faces."""
        shape, mapping = self._average(), self._fit_mapping()
        if shape is None or mapping is None:
            shape, mapping = initial_shape(self._project.scheme), FACE_MAPPING
        faces = [place_shape(shape, map_box(box, mapping)) for box in self._detect(index, image)]
        return Suggestion(tuple(SuggestedFace(_visible(points)) for points in faces), None)

    def _average(self) -> np.ndarray | None:
        """Return the mean shape of the faces that are done, computed once for each revision of the project."""
        revision = self._project.revision
        if self._shape is None or self._shape[0] != revision:
            self._shape = revision, average_shape(self._project.done_samples())
        return self._shape[1]

    def _detect(self, index: int, image: np.ndarray) -> np.ndarray:
        if index not in self._boxes:
            boxes, confidences = self._detector(image)
            self._boxes[index] = boxes[confidences >= MIN_CONFIDENCE]
        return self._boxes[index]

    def _fit_mapping(self) -> dict[str, Any] | None:
        """Fit the detected boxes to the annotated faces; None if none of them is detected."""
        index_of = {record.path: index for index, record in enumerate(self._project.records)}
        detected, annotated = [], []
        for sample in self._project.done_samples():
            index = index_of[sample.path]
            try:
                boxes = self._boxes[index] if index in self._boxes else self._detect(index, load_image(sample.path))
            except ImageError:
                continue
            best = geometry.highest_iou(boxes, sample.box, MIN_IOU)
            if best is not None:
                detected.append(boxes[best])
                annotated.append(sample.box)
        return fit_box_mapping(np.array(detected), np.array(annotated)) if detected else None


class SuggestionThread:
    """Computes the suggestions of all images in the background, so that their order is known.

    Args:
        project: The project.
        suggester: Makes the suggestions.
    """

    def __init__(self, project: Project, suggester: FaceSuggester):
        self._project, self._suggester = project, suggester
        self._wake, self._stopped = threading.Event(), False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.unreadable: dict[int, str] = {}  # by image, why it cannot be read

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def restart(self) -> None:
        """Compute again, after the model was replaced."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread after its current image."""
        self._stopped = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped:
            for index in range(len(self._project.records)):
                if self._stopped or self._wake.is_set():
                    break
                if not self._project.records[index].done and index not in self.unreadable:
                    self._compute(index)
            else:
                self._wake.wait()
            self._wake.clear()

    def _compute(self, index: int) -> None:
        try:
            self._suggester.suggest(index)
        except FacelatticeError as error:
            self.unreadable[index] = str(error)


def sort_by_uncertainty(records: Sequence[ImageRecord], uncertainties: Sequence[float | None]) -> list[int]:
    """Return the order of images: the unfinished ones, the most uncertain first, then those that are done.

    Images with equal or unknown uncertainty keep their order.
    """

    def rank(index: int) -> tuple[bool, float]:
        return records[index].done, -(uncertainties[index] or 0.0)

    return sorted(range(len(records)), key=rank)


def _visible(points: np.ndarray) -> FaceAnnotation:
    return FaceAnnotation(points, np.zeros(len(points), bool))


def _suggest(face: Face) -> SuggestedFace:
    hidden = np.zeros(len(face.points), bool) if face.visible is None else ~face.visible
    return SuggestedFace(FaceAnnotation(face.points, hidden), face.expected_errors)


def _uncertainty(model: Model, image: np.ndarray, face: Face) -> float:
    """Return the mean expected error, or the mean deviation of views if larger, as a fraction of the face's size."""
    _, deviations = predict_views(model, image, face.points)
    expected = float(face.expected_errors.mean()) / max(geometry.box_side(face.box), 1e-9)
    return max(expected, float(deviations.mean()))


def _distance(face: Face, annotation: FaceAnnotation) -> float:
    """Return the mean distance of a prediction from an annotation, as a fraction of the face's size."""
    offsets = np.linalg.norm(face.points - annotation.points, axis=1)
    return float(np.nanmean(offsets)) / max(geometry.box_side(geometry.face_box(annotation.points)), 1e-9)
