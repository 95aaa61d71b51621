"""FaceAligner: an image in, its faces out.

    aligner = FaceAligner()
    for face in aligner("photo.jpg"):
        print(face.score, face.points)

Boxes are found, cut out as square crops and run through the network; the points are mapped back to the image. Where
they lie otherwise than the box said, the crop is cut anew around them and run again, and where the model is unsure, a
wider box is tried: that makes the result independent of the detector's idea of a box. Of a face that stays unsure more
crops are run, and the answer is their mean.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.detection.face_detector import QUICK_DETECTORS, Detector, get_detector, map_box, suppress
from facelattice.exceptions import ImageError
from facelattice.face import Face
from facelattice.image_io import load_image
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model

# 85 % of places beside the faces of 150 WFLW training photos score less with ibug68, and 97 % less than 0.45, which is
# the lowest of those faces; hard and unseen faces score lower.
MIN_SCORE = 0.25
Boxes = Sequence[Sequence[float] | np.ndarray] | np.ndarray  # (M, 4)

# A box that the points only move by less than these shares of their side, or make larger or smaller, is as good as
# theirs, as boxes were moved by as much in training: a tenth of the held-out training faces with detected boxes need a
# second look then, and the NME of ibug68 is 3.61 % on them, as with half of these shares and twice as many looks.
_SAME_PLACE, _SAME_SIZE = 0.07, 0.15

# A box that is too small, or beside the face, can lead to points from which no second look finds back. So where the
# score is below that of nearly all clear faces, a wider box is tried too, and the surer of both answers is kept; not
# below the least score, which would let more places without a face pass.
_LOST, _WIDE = 0.7, 1.3
# What is not sure enough then (`Model.unsure`) is looked at from two more sides: in crops so much larger, turned by so
# many degrees. Points that are hidden or blurred lie elsewhere in each, and their mean lies nearer to the truth.
_LARGER, _TURNS = 1.1, (15.0, -15.0)

_HELD_PIXELS = 64_000_000  # images that `batch` keeps in memory while a batch of crops fills up: 192 MB


class FaceAligner:
    """Finds the landmarks of all faces in an image.

    model: a bundled model's name, the path of a model file, or a `Model`; None is the bundled default.
    detector: "yunet", or a function from an image, uint8 RGB (H, W, 3), to boxes (M, 4) and confidences (M,). The
        boxes of your own function should end where the landmarks do (brows to chin); `refine` forgives much.
    refine: how many times a crop is cut anew around the points just found, where their box is another one. With 0 no
        more crops are looked at either where the model is unsure.
    min_score: faces below this score (0 to 1, see `face_score`) are left out.
    max_faces: keep only so many, the best by their first looks. With 1 the bundled detector first glances at the
        image made small, which is enough where it is sure of a large face.
    batch_size: crops run at a time; memory grows with it.
    provider: what runs a model that is given by name or path: "cpu", "cuda", "openvino" or "coreml".

    Raises ModelError for a model file that cannot be used, ValueError for any other wrong setting.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Model | None = None,
        detector: str | Detector = "yunet",
        refine: int = 1,
        min_score: float = MIN_SCORE,
        max_faces: int | None = None,
        batch_size: int = 32,
        provider: str = "cpu",
    ):
        if refine < 0 or batch_size < 1 or not 0 <= min_score <= 1 or (max_faces is not None and max_faces < 1):
            raise ValueError(
                "expected refine >= 0, 0 <= min_score <= 1, max_faces >= 1 and batch_size >= 1, not "
                f"refine={refine}, min_score={min_score}, max_faces={max_faces}, batch_size={batch_size}"
            )
        if model is None or isinstance(model, (str, os.PathLike)):
            model = Model(find_model(model), provider=provider)
        self.model = model
        self.detector = get_detector(detector)
        self._glance = QUICK_DETECTORS.get(detector) if max_faces == 1 and isinstance(detector, str) else None
        self.refine, self.min_score, self.max_faces, self.batch_size = refine, min_score, max_faces, batch_size
        known = self.model.info.get("detectors", {})
        self._mapping = known.get(detector) if isinstance(detector, str) else None

    def __call__(self, image: Any, boxes: Boxes | None = None) -> list[Face]:
        """The faces of an image: a path, an RGB array or a PIL image, as `load_image` takes them.

        Without boxes: those that the detector finds, best score first. With boxes, landmark boxes x0, y0, x1, y1 in
        pixels: no detector, and exactly one Face for each box in the order given, whatever its score.

        Raises ImageError for an image that cannot be used, ValueError for boxes that are not (M, 4), finite and of
        positive size.
        """
        image = load_image(image)
        if boxes is None:
            return self._chosen(image, *self._given([image], [self._first_boxes(image)]))
        table = _checked(boxes)
        return self._surer(self._settle([image] * len(table), table), table)

    def batch(
        self, images: Iterable[Any], on_error: Callable[[Any, ImageError], None] | None = None
    ) -> Iterator[list[Face]]:
        """The faces of each of many images, in their order, as calling would give them.

        Images are taken as they are needed, and crops of several run together. An image that cannot be read raises
        its ImageError in its turn, which ends the iteration; with ``on_error`` that is called instead, with the
        image as given and the error, and the image yields an empty list.

        Memory is bounded, as long as you let go of the faces: each holds its image.
        """
        waiting: list[tuple[Any, np.ndarray | ImageError, np.ndarray]] = []
        crops = pixels = 0
        for source in images:
            try:
                image = load_image(source)
            except ImageError as error:
                waiting.append((source, error, np.zeros((0, 4))))
            else:
                waiting.append((source, image, self._first_boxes(image)))
                crops, pixels = crops + len(waiting[-1][2]), pixels + image.shape[0] * image.shape[1]
            if crops >= self.batch_size or pixels >= _HELD_PIXELS:
                yield from self._finish(waiting, on_error)
                waiting, crops, pixels = [], 0, 0
        yield from self._finish(waiting, on_error)

    def detect(self, image: np.ndarray) -> np.ndarray:
        """Landmark boxes (M, 4) of what the detector finds in an image, uint8 RGB (H, W, 3)."""
        return self._boxes(self.detector, image)

    def _boxes(self, detector: Detector, image: np.ndarray) -> np.ndarray:
        boxes = np.asarray(detector(image)[0], dtype=np.float64).reshape(-1, 4)
        boxes = boxes[np.isfinite(boxes).all(1) & (boxes[:, 2:] > boxes[:, :2]).all(1)]
        return boxes if self._mapping is None else np.array([map_box(box, self._mapping) for box in boxes])

    def _finish(
        self,
        waiting: list[tuple[Any, np.ndarray | ImageError, np.ndarray]],
        on_error: Callable[[Any, ImageError], None] | None,
    ) -> Iterator[list[Face]]:
        """What `batch` yields for the images that wait: (source, image or its error, boxes)."""
        read = [(image, boxes) for _, image, boxes in waiting if not isinstance(image, ImageError)]
        given = iter(self._given([image for image, _ in read], [boxes for _, boxes in read]))
        for source, image, _ in waiting:
            if isinstance(image, ImageError):
                if on_error is None:
                    raise image
                on_error(source, image)
                yield []
            else:
                yield self._chosen(image, next(given))

    def _given(self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray]) -> list[list[Face]]:
        """For each image the faces at its boxes (M, 4) that are to be given, best first."""
        places = [(image, box) for image, some in zip(images, boxes, strict=True) for box in some]
        faces = self._settle([image for image, _ in places], [box for _, box in places])
        ends = np.cumsum([len(some) for some in boxes]).tolist()
        chosen = [list(range(start, end)) for start, end in pairwise([0, *ends])]
        if self.max_faces is not None:  # more looks at those alone: in a crowd of which one face is wanted, at that one
            chosen = [[some[i] for i in self._select([faces[i] for i in some])] for some in chosen]
        order = [i for some in chosen for i in some]
        surer = iter(self._surer([faces[i] for i in order], [places[i][1] for i in order]))
        answers = [[next(surer) for _ in some] for some in chosen]
        return [[some[i] for i in self._select(some)] for some in answers]

    def _surer(self, faces: list[Face], boxes: Sequence[np.ndarray] | np.ndarray) -> list[Face]:
        """The faces, after more looks at those where the model is unsure; ``boxes`` are where they were looked for."""
        if self.refine == 0:
            return faces
        faces = list(faces)
        unsure = self._below(_LOST, faces)
        wide = [geometry.square_box(geometry.box_center(boxes[i]), _WIDE * geometry.box_side(boxes[i])) for i in unsure]
        for i, other in zip(unsure, self._settle([faces[i].image for i in unsure], wide), strict=True):
            if other.score > faces[i].score and geometry.overlap(other.box, boxes[i]) >= 0.3:  # and not a neighbor's
                faces[i] = other
        unsure = self._below(self.model.extra_views_below, faces)
        for i, face in zip(unsure, self._from_sides([faces[i] for i in unsure]), strict=True):
            faces[i] = face
        return faces

    def _below(self, score: float, faces: list[Face]) -> list[int]:
        """Which of the faces have less than this score, but still would be given. Without a size none can be looked
        at."""
        return [i for i, face in enumerate(faces) if self.min_score <= face.score < score and face.score > 0]

    def _from_sides(self, faces: list[Face]) -> list[Face]:
        """The mean of each face and of what other crops of it show, each point weighted by how sure it is there."""
        if not faces:
            return []
        boxes = [geometry.square_box(geometry.box_center(f.box), _LARGER * geometry.box_side(f.box)) for f in faces]
        looks = [self._look([face.image for face in faces], boxes, turn) for turn in _TURNS]
        answers = []
        for i, face in enumerate(faces):
            others = [(points[i], errors[i]) for points, errors in looks]
            same = [other for other in others if geometry.overlap(geometry.points_box(other[0]), face.box) >= 0.5]
            points, errors = zip((face.points, face.expected_errors), *same, strict=True)
            answers.append(self._face(*_mean(np.stack(points), np.stack(errors)), face.image))
        return answers

    def _settle(self, images: Sequence[Any], boxes: Sequence[np.ndarray] | np.ndarray) -> list[Face]:
        """Look, and look again where the points lie otherwise than the box."""
        if len(boxes) == 0:
            return []
        points, errors = self._look(images, boxes)
        for _ in range(self.refine):
            again = [i for i, box in enumerate(boxes) if _moves(points[i], box)]
            if not again:
                break
            boxes = [geometry.points_box(points[i]) if i in again else box for i, box in enumerate(boxes)]
            points[again], errors[again] = self._look([images[i] for i in again], [boxes[i] for i in again])
        return [self._face(*found) for found in zip(points, errors, images, strict=True)]

    def _face(self, points: np.ndarray, errors: np.ndarray, image: Any) -> Face:
        box = geometry.points_box(points).astype(np.float32)
        return Face(points, errors, face_score(points, errors), box, self.model.scheme, image)

    def _look(
        self, images: Sequence[Any], boxes: Sequence[np.ndarray] | np.ndarray, turn: float = 0.0
    ) -> tuple[Any, Any]:
        """Cut (turned by so many degrees), run and map back: points (B, N, 2) and expected errors (B, N) in pixels of
        the images."""
        size = self.model.crop_size
        parts = []
        for start in range(0, len(boxes), self.batch_size):
            some = slice(start, start + self.batch_size)
            matrices = [geometry.crop_transform(box, size, self.model.crop_margin, turn) for box in boxes[some]]
            crops = [geometry.warp(*pair, size) for pair in zip(images[some], matrices, strict=True)]
            points, errors = self.model(np.array(crops, dtype=np.uint8).reshape(-1, size, size, 3))
            for i, matrix in enumerate(matrices):
                points[i] = geometry.apply(geometry.invert(matrix), points[i])
                errors[i] /= geometry.transform_scale(matrix)
            parts.append((points, errors))
        points, errors = (np.concatenate(some) for some in zip(*parts, strict=True))
        return points, errors

    def _first_boxes(self, image: np.ndarray) -> np.ndarray:
        """Where to begin: at the faces of a glance, if that is enough, or at all of them."""
        return self.detect(image) if self._glance is None else self._boxes(self._glance, image)

    def _chosen(self, image: np.ndarray, faces: list[Face]) -> list[Face]:
        """The faces of an image; where a glance has led to none, after a proper look."""
        if faces or self._glance is None:
            return faces
        return self._given([image], [self.detect(image)])[0]

    def _select(self, faces: list[Face]) -> list[int]:
        """Which of an image's faces are to be given, best first; without those below the score, and once where two
        boxes ran to the same face."""
        boxes = np.array([face.box for face in faces]).reshape(-1, 4)
        scores = np.array([face.score for face in faces])
        good = np.flatnonzero(scores >= self.min_score)
        return good[suppress(boxes[good], scores[good], 0.6)][: self.max_faces].tolist()


def face_score(points: np.ndarray, errors: np.ndarray) -> float:
    """How far to trust a face, 0 to 1, from its points (N, 2) and expected errors (N,): exp(-10 mean(errors) / side).

    ``side`` is the longer side of the points' box. Expected errors of 1.5 to 3.5 % of the face's size, those of a clear
    face, make a score of 0.70 to 0.86; a place with no face in it has a median of 0.09.
    """
    side = geometry.box_side(geometry.points_box(points))
    return math.exp(-10 * float(errors.mean()) / side) if side > 0 else 0.0


def _mean(points: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean (N, 2) of several answers (K, N, 2), weighted by their expected errors (K, N), and its own (N,).

    Where the answers lie apart none is as sure as it says: the deviation of their mean is added in quadrature, as a
    mirrored model file does it.
    """
    weights = 1 / np.square(errors)
    weights /= weights.sum(0)
    mean = (weights[..., None] * points).sum(0)
    apart = (weights * np.square(points - mean).sum(-1)).sum(0) / len(points)
    error = np.sqrt(np.square((weights * errors).sum(0)) + apart)
    return mean.astype(np.float32), error.astype(np.float32)


def _moves(points: np.ndarray, box: np.ndarray) -> bool:
    """True where the points' box is a better place to look than the box that they were looked for in: another one, but
    at least partly the same. Otherwise the first answer stays."""
    if not np.isfinite(points).all():
        return False
    found = geometry.points_box(points)
    if geometry.overlap(found, box) <= 0.1:
        return False
    side = geometry.box_side(found)
    moved = np.abs(geometry.box_center(found) - geometry.box_center(box)).max() / side
    return bool(moved > _SAME_PLACE or abs(math.log(geometry.box_side(box) / side)) > _SAME_SIZE)


def _checked(boxes: Boxes) -> np.ndarray:
    table = np.asarray(boxes, dtype=np.float64)
    if table.size == 0:
        return table.reshape(0, 4)
    if table.ndim != 2 or table.shape[1] != 4:
        raise ValueError(f"boxes must be (M, 4), each x0, y0, x1, y1, not of shape {table.shape}")
    for i, box in enumerate(table):
        if not (np.isfinite(box).all() and (box[2:] > box[:2]).all()):
            raise ValueError(f"box {i}: expected finite x0, y0, x1, y1 with x1 > x0 and y1 > y0, not {box.tolist()}")
    return table
