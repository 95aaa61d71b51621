"""FaceAligner: from an image to the landmarks of its faces.

    aligner = FaceAligner()
    for face in aligner("photo.jpg"):
        print(face.score, face.points)

A detector finds boxes, `LandmarkPredictor` predicts the landmarks in them, and the best faces are selected. If no face
is clear, or a clear face is turned, the bundled detector also searches the turned image.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from facelattice.detection import Detector, YuNetDetector, detect_turned, get_detector, map_box, quick_detect
from facelattice.detection.detector import DetectFunction
from facelattice.detection.turned import TURNS
from facelattice.exceptions import ArgumentError, ImageError
from facelattice.face import Face, Faces
from facelattice.image_io import MAX_PIXELS, load_image
from facelattice.inference.candidates import Candidate, best_clear, common_roll, is_sure, select_faces, weighted_score
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.inference.predictor import MIN_SCORE, MIN_TURNED_SCORE, Boxes, LandmarkPredictor, check_boxes

OnError = Callable[[Any, ImageError], None]
"""A function that is called with the image, as it was given, and the error."""

_MAX_PENDING_PIXELS = 64_000_000  # in images that `batch` holds while it collects crops: 192 MB


class FaceAligner:
    """Finds the landmarks of all faces in images.

    A pickled or copied aligner opens its model file again.

    Args:
        model: Name of a bundled model, path of a model file, or a `Model`; None for the bundled default.
        detector: "yunet" for the bundled detector, a `Detector`, or a function from an image, RGB uint8 (H, W, 3), to
            boxes (M, 4) and confidences (M,). The boxes of your own detector should be landmark boxes, from brows to
            chin; refinement corrects rough ones.
        refine: Maximum number of refinements: the landmarks are predicted again in a crop around the found points, if
            their box differs from that of the previous crop. With 0, faces with a low score are not predicted again
            either.
        min_score: Minimum score of detected faces (0 to 1, see `face_score`), multiplied by the confidence of the
            detector. Others are left out.
        max_faces: Maximum number of faces per image; those with the highest scores are kept. With 1, the bundled
            detector first searches the image at a small scale, which is enough for a large clear face.
        batch_size: Number of crops in one run; memory grows with it.
        provider: Execution provider of ONNX Runtime for a model given by name or path: "cpu", "cuda", "openvino" or
            "coreml".
        max_pixels: Maximum number of pixels of an image file; a larger one is rejected before it is decoded.

    Raises:
        ModelError: If the model file cannot be used.
        ArgumentError: If another argument has a value that is not allowed.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Model | None = None,
        detector: str | Detector | DetectFunction = YuNetDetector.name,
        refine: int = 1,
        min_score: float = MIN_SCORE,
        max_faces: int | None = None,
        batch_size: int = 32,
        provider: str = "cpu",
        max_pixels: int = MAX_PIXELS,
    ):
        if max_faces is not None and max_faces < 1:
            raise ArgumentError(f"expected max_faces >= 1 or None, not max_faces={max_faces}")
        self.max_faces, self.max_pixels = max_faces, max_pixels
        self.detector = get_detector(detector)
        if model is None or isinstance(model, (str, os.PathLike)):
            model = Model(find_model(model), provider=provider)
        self.predictor = LandmarkPredictor(model, refine, batch_size, min_score)

    @property
    def model(self) -> Model:
        """The landmark model."""
        return self.predictor.model

    @property
    def min_score(self) -> float:
        """Minimum score of detected faces."""
        return self.predictor.min_score

    def __call__(self, image: Any, boxes: Boxes | None = None) -> list[Face]:
        """Find the faces of an image, or the landmarks in given boxes.

        Args:
            image: A path, an RGB array or a PIL image (see `load_image`).
            boxes: Landmark boxes (M, 4), x0, y0, x1, y1 in pixels; None to detect faces.

        Returns:
            Without boxes, the faces found, best score first. With boxes, exactly one face for each box in the order
            given, whatever its score.

        Raises:
            ImageError: If the image cannot be used.
            ArgumentError: If the boxes are not (M, 4), finite and of positive size, or the detector's result is not.
        """
        image = load_image(image, max_pixels=self.max_pixels)
        if boxes is None:
            return Faces(self._find_faces([image], [self._detect_first(image)])[0])
        boxes = check_boxes(boxes)
        return Faces(self.predictor.predict([image] * len(boxes), boxes))

    def batch(self, images: Iterable[Any], on_error: OnError | None = None) -> Iterator[list[Face]]:
        """Find the faces of many images.

        Crops of several images run together. Images are taken from the iterable when they are needed, and few are held
        at a time. Each face holds its image, so release faces to release memory.

        Args:
            images: Images as for a call.
            on_error: Called for an image that cannot be used; the image then yields an empty list. None to raise the
                error, which ends the iteration.

        Yields:
            The faces of each image in order, equal to those of a call.

        Raises:
            ImageError: If an image cannot be used, and there is no ``on_error``.
            ArgumentError: If ``images`` is a single path or image, or the detector returns a wrong result.
        """
        if isinstance(images, (str, bytes, os.PathLike)):
            raise ArgumentError(f"batch() expects several images, not the path {images!r}; call the aligner with it")
        if isinstance(images, np.ndarray) and images.ndim < 4:
            raise ArgumentError(
                f"batch() expects several images, not an array of shape {images.shape}; call the aligner with it"
            )
        return self._batch(images, on_error)

    def detect(self, image: np.ndarray, roll: float = 0.0) -> np.ndarray:
        """Detect the faces of an image that have a given roll.

        Args:
            image: RGB uint8 (H, W, 3).
            roll: Roll of the faces in degrees, clockwise. Other detectors than the bundled one are called with the
                image as it is, whatever the roll.

        Returns:
            Landmark boxes (M, 4), in the order of the detector.
        """
        return self._detect(image, roll).boxes

    def __reduce__(self) -> tuple[Any, ...]:
        predictor = self.predictor
        arguments = predictor.refine, predictor.min_score, self.max_faces, predictor.batch_size
        make = partial(type(self), max_pixels=self.max_pixels)
        return make, (self.model, self.detector, *arguments)

    def __repr__(self) -> str:
        predictor = self.predictor
        return (
            f"FaceAligner({self.model!r}, detector={self.detector.name!r}, refine={predictor.refine}, "
            f"min_score={self.min_score}, max_faces={self.max_faces}, batch_size={predictor.batch_size})"
        )

    def _detect_first(self, image: np.ndarray) -> _Detections:
        """Detect upright faces; at a small scale if one face is wanted."""
        if self._uses_quick_detection():
            return self._landmark_boxes(*quick_detect(image), 0.0)
        return self._detect(image, 0.0)

    def _uses_quick_detection(self) -> bool:
        return self.max_faces == 1 and isinstance(self.detector, YuNetDetector)

    def _detect(self, image: np.ndarray, roll: float) -> _Detections:
        if roll and isinstance(self.detector, YuNetDetector):
            return self._landmark_boxes(*detect_turned(self.detector, image, roll), roll)
        return self._landmark_boxes(*self.detector(image), 0.0)

    def _landmark_boxes(self, boxes: np.ndarray, confidences: np.ndarray, roll: float) -> _Detections:
        """Drop invalid boxes (M, 4) and map the others to landmark boxes."""
        boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        is_valid = np.isfinite(boxes).all(1) & (boxes[:, 2:] > boxes[:, :2]).all(1)
        boxes, confidences = boxes[is_valid], np.asarray(confidences, dtype=np.float64).ravel()[is_valid]
        mapping = self.model.info.detectors.get(self.detector.name)
        if mapping is not None:
            boxes = np.array([map_box(box, mapping, roll) for box in boxes]).reshape(-1, 4)
        return _Detections(boxes, confidences, roll)

    def _batch(self, images: Iterable[Any], on_error: OnError | None) -> Iterator[list[Face]]:
        pending: list[_Pending] = []
        num_crops = num_pixels = 0
        for source in images:
            try:
                image = load_image(source, max_pixels=self.max_pixels)
            except ImageError as error:
                pending.append(_Pending(source, error, _Detections(np.zeros((0, 4)), np.zeros(0), 0.0)))
            else:
                pending.append(_Pending(source, image, self._detect_first(image)))
                num_crops += len(pending[-1].detections.boxes)
                num_pixels += image.shape[0] * image.shape[1]
            if num_crops >= self.predictor.batch_size or num_pixels >= _MAX_PENDING_PIXELS:
                yield from self._finish(pending, on_error)
                pending, num_crops, num_pixels = [], 0, 0
        yield from self._finish(pending, on_error)

    def _finish(self, pending: Sequence[_Pending], on_error: OnError | None) -> Iterator[list[Face]]:
        """Yield the faces of each pending image."""
        loaded = [(item.image, item.detections) for item in pending if not isinstance(item.image, ImageError)]
        faces = iter(self._find_faces([image for image, _ in loaded], [detections for _, detections in loaded]))
        for item in pending:
            if not isinstance(item.image, ImageError):
                yield Faces(next(faces))
            elif on_error is None:
                raise item.image
            else:
                on_error(item.source, item.image)
                yield Faces()

    def _find_faces(self, images: Sequence[np.ndarray], first: Sequence[_Detections]) -> list[list[Face]]:
        """Predict the detected faces, search again in images without a clear face, and select the best."""
        groups = [
            self._keepable(self._search_again(image, candidates))
            for image, candidates in zip(images, self._predict_detections(images, first), strict=True)
        ]
        kept = [candidate for group in groups for candidate in group]
        retried = iter(self.predictor.retry_uncertain([c.face for c in kept], [c.box for c in kept]))
        result = []
        for group in groups:
            faces = [replace(next(retried), confidence=candidate.face.confidence) for candidate in group]
            result.append([faces[i] for i in select_faces(faces, self.min_score, self.max_faces)])
        return result

    def _keepable(self, candidates: list[Candidate]) -> list[Candidate]:
        """Return the candidates of an image that may be kept; only they are predicted again."""
        faces = [candidate.face for candidate in candidates]
        if self.max_faces is not None:
            return [candidates[i] for i in select_faces(faces, self.min_score, self.max_faces)]
        return [candidate for candidate in candidates if weighted_score(candidate.face) >= self.min_score]

    def _predict_detections(
        self, images: Sequence[np.ndarray], detections: Sequence[_Detections]
    ) -> list[list[Candidate]]:
        """Predict the detected faces of each image."""
        pairs = [(image, found) for image, found in zip(images, detections, strict=True) for _ in found.boxes]
        boxes = [box for found in detections for box in found.boxes]
        rolls = [found.roll for _, found in pairs]
        faces = iter(self.predictor.predict_and_refine([image for image, _ in pairs], boxes, rolls))
        return [
            [
                Candidate(replace(next(faces), confidence=float(confidence)), box, found.roll)
                for box, confidence in zip(found.boxes, found.confidences, strict=True)
            ]
            for found in detections
        ]

    def _search_again(self, image: np.ndarray, candidates: list[Candidate]) -> list[Candidate]:
        """Detect more faces: smaller ones after a quick detection, and turned ones."""
        if self._uses_quick_detection() and best_clear(candidates) is None:
            candidates = self._search(image, 0.0)
        if not isinstance(self.detector, YuNetDetector):
            return candidates
        more = candidates
        for turn in TURNS:
            if any(map(is_sure, more)) or best_clear(candidates) is not None:
                break
            more = self._search(image, turn)
            if any(candidate.face.score >= MIN_TURNED_SCORE for candidate in more):  # most others are not faces
                candidates = candidates + more
        roll = common_roll(candidates)
        if roll is not None and self.max_faces != 1:
            candidates = candidates + self._search(image, roll)
        return candidates

    def _search(self, image: np.ndarray, roll: float) -> list[Candidate]:
        """Detect and predict the faces with a roll."""
        return self._predict_detections([image], [self._detect(image, roll)])[0]


@dataclass(frozen=True)
class _Detections:
    """Landmark boxes (M, 4), the confidences (M,) of the detector, and the roll of all the faces in degrees."""

    boxes: np.ndarray
    confidences: np.ndarray
    roll: float


@dataclass
class _Pending:
    """An image of `FaceAligner.batch` that waits for the prediction of its crops, or its error."""

    source: Any
    image: np.ndarray | ImageError
    detections: _Detections
