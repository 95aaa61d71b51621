"""FaceAligner: from an image to the landmarks of its faces.

    aligner = FaceAligner()
    for face in aligner("photo.jpg"):
        print(face.score, face.points)

A detector finds boxes, `LandmarkPredictor` predicts the landmarks in them, and the best faces are selected.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.detection import Detector, YuNetDetector, get_detector, map_box, quick_detect
from facelattice.detection.detector import DetectFunction
from facelattice.exceptions import ArgumentError, ImageError
from facelattice.face import Face
from facelattice.image_io import MAX_PIXELS, load_image
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.inference.predictor import MIN_SCORE, Boxes, LandmarkPredictor, check_boxes

OnError = Callable[[Any, ImageError], None]
"""A function that is called with an image as given and the error."""

_MAX_PENDING_PIXELS = 64_000_000  # in images that `batch` holds while it collects crops: 192 MB
_NMS_THRESHOLD = 0.6


class FaceAligner:
    """Finds the landmarks of all faces in images.

    A pickled or copied aligner opens its model file again.

    Args:
        model: Name of a bundled model, path of a model file, or a `Model`; None for the bundled default.
        detector: "yunet" for the bundled detector, a `Detector`, or a function from an image, RGB uint8 (H, W, 3), to
            boxes (M, 4) and confidences (M,). The boxes of your own detector should be landmark boxes, from brows to
            chin; refinement corrects rough ones.
        refine: Largest number of times that a crop around the found points is predicted again because their box differs
            from the first one. With 0, faces with a low score are not predicted again either.
        min_score: Faces with a lower score (0 to 1, see `face_score`) are left out.
        max_faces: Largest number of faces of an image; the best by score are kept. With 1, the bundled detector first
            searches the image at a small scale, which is enough for a large clear face.
        batch_size: Number of crops in one run; memory grows with it.
        provider: Execution provider of ONNX Runtime for a model given by name or path: "cpu", "cuda", "openvino" or
            "coreml".
        max_pixels: Maximum number of pixels of an image file; a larger one is rejected before it is decoded.

    Raises:
        ModelError: The model file cannot be used.
        ArgumentError: Another argument has a value that is not allowed.
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
        """Faces with a lower score are left out."""
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
            ImageError: The image cannot be used.
            ArgumentError: The boxes are not (M, 4), finite and of positive size, or the detector's result is not.
        """
        image = load_image(image, max_pixels=self.max_pixels)
        if boxes is None:
            return self._detect_again(image, *self._faces_for_boxes([image], [self._detect_first(image)]))
        boxes = check_boxes(boxes)
        return self.predictor.predict([image] * len(boxes), boxes)

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
            ImageError: An image cannot be used, and there is no ``on_error``.
            ArgumentError: ``images`` is a single path, or the detector returns a wrong result.
        """
        if isinstance(images, (str, bytes, os.PathLike)):
            raise ArgumentError(f"batch() expects several images, not the path {images!r}; call the aligner with it")
        return self._batch(images, on_error)

    def detect(self, image: np.ndarray) -> np.ndarray:
        """Detect the faces of an image.

        Args:
            image: RGB uint8 (H, W, 3).

        Returns:
            Landmark boxes (M, 4), in the order of the detector.
        """
        return self._landmark_boxes(self.detector(image)[0])

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

    def _detect_first(self, image: np.ndarray) -> np.ndarray:
        """Detect faces, at a small scale if that may be enough."""
        return self._landmark_boxes(quick_detect(image)[0]) if self._can_be_quick() else self.detect(image)

    def _detect_again(self, image: np.ndarray, faces: list[Face]) -> list[Face]:
        """Return the faces, or those of a full detection if a quick one has found none."""
        if faces or not self._can_be_quick():
            return faces
        return self._faces_for_boxes([image], [self.detect(image)])[0]

    def _can_be_quick(self) -> bool:
        return self.max_faces == 1 and isinstance(self.detector, YuNetDetector)

    def _landmark_boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Drop invalid boxes (M, 4) and map the others to landmark boxes."""
        boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        boxes = boxes[np.isfinite(boxes).all(1) & (boxes[:, 2:] > boxes[:, :2]).all(1)]
        mapping = self.model.info.detectors.get(self.detector.name)
        return boxes if mapping is None else np.array([map_box(box, mapping) for box in boxes])

    def _batch(self, images: Iterable[Any], on_error: OnError | None) -> Iterator[list[Face]]:
        pending: list[_Pending] = []
        num_crops = num_pixels = 0
        for source in images:
            try:
                image = load_image(source, max_pixels=self.max_pixels)
            except ImageError as error:
                pending.append(_Pending(source, error, np.zeros((0, 4))))
            else:
                pending.append(_Pending(source, image, self._detect_first(image)))
                num_crops += len(pending[-1].boxes)
                num_pixels += image.shape[0] * image.shape[1]
            if num_crops >= self.predictor.batch_size or num_pixels >= _MAX_PENDING_PIXELS:
                yield from self._finish(pending, on_error)
                pending, num_crops, num_pixels = [], 0, 0
        yield from self._finish(pending, on_error)

    def _finish(self, pending: Sequence[_Pending], on_error: OnError | None) -> Iterator[list[Face]]:
        """Yield the faces of each pending image."""
        loaded = [(item.image, item.boxes) for item in pending if not isinstance(item.image, ImageError)]
        faces = iter(self._faces_for_boxes([image for image, _ in loaded], [boxes for _, boxes in loaded]))
        for item in pending:
            if not isinstance(item.image, ImageError):
                yield self._detect_again(item.image, next(faces))
            elif on_error is None:
                raise item.image
            else:
                on_error(item.source, item.image)
                yield []

    def _faces_for_boxes(self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> list[list[Face]]:
        """Predict the faces in the boxes (M, 4) of each image and select the best of each image."""
        pairs = [(image, box) for image, image_boxes in zip(images, boxes, strict=True) for box in image_boxes]
        faces = self.predictor.predict_and_refine([image for image, _ in pairs], [box for _, box in pairs])
        ends = np.cumsum([len(image_boxes) for image_boxes in boxes]).tolist()
        groups = [list(range(start, end)) for start, end in pairwise([0, *ends])]
        if self.max_faces is not None:  # only the selected faces of a crowd are predicted again
            groups = [[group[i] for i in self._select([faces[i] for i in group])] for group in groups]
        order = [i for group in groups for i in group]
        retried = iter(self.predictor.retry_uncertain([faces[i] for i in order], [pairs[i][1] for i in order]))
        result = []
        for group in groups:
            image_faces = [next(retried) for _ in group]
            result.append([image_faces[i] for i in self._select(image_faces)])
        return result

    def _select(self, faces: Sequence[Face]) -> list[int]:
        """Return the indices of the faces of an image to keep, best first: different faces with the highest scores."""
        boxes = np.array([face.box for face in faces]).reshape(-1, 4)
        scores = np.array([face.score for face in faces])
        good = np.flatnonzero(scores >= self.min_score)
        return good[geometry.nms(boxes[good], scores[good], _NMS_THRESHOLD)][: self.max_faces].tolist()


@dataclass
class _Pending:
    """An image of `FaceAligner.batch` whose crops have not been predicted, or the error that it raised."""

    source: Any
    image: np.ndarray | ImageError
    boxes: np.ndarray
