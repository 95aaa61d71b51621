"""LandmarkPredictor: from boxes in images to the landmarks of their faces.

    predictor = LandmarkPredictor(Model(find_model("ibug68")))
    (face,) = predictor.predict([image], [box])

A crop around the box is run through the model, and the points are mapped back to the image. If the box of the points
differs from the given one, a crop around the points is predicted again (refinement). Faces with a low score are
predicted again with the image turned, in a wider box, and then in additional views. So the result depends little on
how a detector draws its boxes and on the roll of the face. The measurements behind the constants are in
docs/experiments.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from facelattice import geometry
from facelattice.exceptions import ArgumentError
from facelattice.face import Face
from facelattice.inference.expected_errors import average_predictions, face_score
from facelattice.inference.onnx_model import Model
from facelattice.inference.roll import follow_roll, normalize_roll

Boxes = Sequence[Sequence[float] | np.ndarray] | np.ndarray
"""Boxes (M, 4)."""

# Most boxes beside a face score less, and nearly all faces score more.
MIN_SCORE = 0.18

# Refinement is not needed if the center moves by less than _MAX_SHIFT of the side and the side changes by less than
# _MAX_GROWTH: the boxes of training crops vary as much.
_MAX_SHIFT, _MAX_GROWTH = 0.07, 0.15
_MIN_REFINE_IOU = 0.1

# Nearly all upright faces score at least CLEAR_SCORE, and nearly all that are turned by at least 90 degrees score less
# (docs/experiments.md). Crops with a lower score are turned by quarters, then the best one by eighths. The points in a
# crop with at least this score show the roll of the face.
CLEAR_SCORE, _QUARTERS, _EIGHTHS = 0.6, (90, -90, 180), (45, -45)

# A turned crop is used from this score on: turned crops of hands and clothes score less, hard faces often more.
MIN_TURNED_SCORE = 0.4

# A box that is too small, or beside the face, can give points from which refinement does not find the face. Nearly all
# clear faces score more than _RETRY_BELOW.
_RETRY_BELOW, _RETRY_SCALE = 0.7, 1.3
_MIN_RETRY_IOU = 0.3  # in a turned or wider crop the model may find a neighboring face

# The additional views of a face with a low score: crops _VIEW_SCALE times as large, with the image rotated. Hidden and
# blurred points differ between views, and their mean is more accurate.
_VIEW_SCALE, _VIEW_ROLLS = 1.1, (15.0, -15.0)
_MIN_VIEW_IOU = 0.5


class LandmarkPredictor:
    """Predicts the landmarks of faces whose boxes are known.

    Args:
        model: The landmark model.
        refine: Maximum number of refinements. With 0, faces with a low score are not predicted again either.
        batch_size: Number of crops in one run; memory grows with it.
        min_score: Faces with a lower score (0 to 1) are not predicted again, as the caller drops them.

    Raises:
        ArgumentError: If an argument has a value that is not allowed.
    """

    def __init__(self, model: Model, refine: int = 1, batch_size: int = 32, min_score: float = MIN_SCORE):
        if refine < 0 or batch_size < 1 or not 0 <= min_score <= 1:
            raise ArgumentError(
                "expected refine >= 0, batch_size >= 1 and 0 <= min_score <= 1, not "
                f"refine={refine}, batch_size={batch_size}, min_score={min_score}"
            )
        self.model, self.refine, self.batch_size, self.min_score = model, refine, batch_size, min_score

    def predict(self, images: Sequence[np.ndarray], boxes: Boxes, rolls: Sequence[float] | None = None) -> list[Face]:
        """Predict one face for each pair of an image and a box.

        Args:
            images: One image for each box, RGB uint8 (H, W, 3). The same image may occur several times.
            boxes: Landmark boxes (M, 4), x0, y0, x1, y1 in pixels.
            rolls: The roll of each face as far as it is known, in degrees, clockwise; None for upright faces.

        Returns:
            M faces in the order of the boxes, whatever their score.

        Raises:
            ArgumentError: If the boxes are not (M, 4), finite and of positive size, or there are more or fewer images
                or rolls.
        """
        boxes = check_boxes(boxes)
        if len(images) != len(boxes):
            raise ArgumentError(f"expected one image for each box, not {len(images)} images and {len(boxes)} boxes")
        if rolls is not None and (len(rolls) != len(boxes) or not np.isfinite(rolls).all()):
            raise ArgumentError(f"expected one finite roll for each of {len(boxes)} boxes, not {list(rolls)}")
        return self.retry_uncertain(self.predict_and_refine(images, boxes, rolls), boxes)

    def predict_and_refine(
        self,
        images: Sequence[np.ndarray],
        boxes: Sequence[np.ndarray] | np.ndarray,
        rolls: Sequence[float] | None = None,
    ) -> list[Face]:
        """Predict faces with refinement only; the first part of `predict`."""
        if len(boxes) == 0:
            return []
        boxes = list(boxes)
        rolls = [0.0] * len(boxes) if rolls is None else list(rolls)
        faces = self._predict_crops(images, boxes, rolls)
        for _ in range(self.refine):
            moved = []
            for i, (face, box) in enumerate(zip(faces, boxes, strict=True)):
                has_roll = face.score >= CLEAR_SCORE
                roll = follow_roll(rolls[i], face.points, self.model.scheme) if has_roll else rolls[i]
                if _needs_refinement(face.points, box, rolls[i], roll):
                    moved.append(i)
                    boxes[i], rolls[i] = geometry.upright_box(face.points, roll), roll
            if not moved:
                break
            refined = self._predict_crops(
                [images[i] for i in moved], [boxes[i] for i in moved], [rolls[i] for i in moved]
            )
            for i, face in zip(moved, refined, strict=True):
                faces[i] = face
        return faces

    def retry_uncertain(self, faces: Sequence[Face], boxes: Sequence[np.ndarray] | np.ndarray) -> list[Face]:
        """Predict faces with a low score again; the second part of `predict`.

        Args:
            faces: Faces from `predict_and_refine`.
            boxes: The boxes (M, 4) that were given for them.

        Returns:
            The faces, the uncertain ones from a turned crop, from a wider box, or averaged over several views.
        """
        faces = list(faces)
        if self.refine == 0:
            return faces
        for turns in (_QUARTERS, _EIGHTHS):
            rolls = [face.roll for face in faces]
            for turn in turns:
                # Turned faces often score less than the minimum.
                uncertain = [i for i, face in enumerate(faces) if 0 < face.score < CLEAR_SCORE]
                turned = [rolls[i] + turn for i in uncertain]
                self._keep_surer(faces, boxes, uncertain, turned, MIN_TURNED_SCORE)
        uncertain = self._uncertain(faces, _RETRY_BELOW)
        rolls = [follow_roll(faces[i].roll, faces[i].points, self.model.scheme) for i in uncertain]
        self._keep_surer(faces, boxes, uncertain, rolls, scale=_RETRY_SCALE)
        uncertain = self._uncertain(faces, self.model.extra_views_below)
        for i, face in zip(uncertain, self._average_views([faces[i] for i in uncertain]), strict=True):
            faces[i] = face
        return faces

    def _uncertain(self, faces: list[Face], below: float) -> list[int]:
        """Return the indices of faces that score less than ``below`` but are kept. A score of 0 has no usable box."""
        return [i for i, face in enumerate(faces) if self.min_score <= face.score < below and face.score > 0]

    def _keep_surer(
        self,
        faces: list[Face],
        boxes: Sequence[np.ndarray] | np.ndarray,
        indices: list[int],
        rolls: list[float],
        min_score: float = 0.0,
        scale: float = 1.0,
    ) -> None:
        """Predict the faces with these indices with other rolls or scaled boxes, and keep those with a higher score."""
        scaled = [_scaled_square(boxes[i], scale) for i in indices]
        retried = self.predict_and_refine([_image(faces[i]) for i in indices], scaled, rolls)
        for i, face in zip(indices, retried, strict=True):
            is_surer = face.score > max(faces[i].score, min_score)
            if is_surer and geometry.iou(face.box, boxes[i]) >= _MIN_RETRY_IOU:
                faces[i] = face

    def _average_views(self, faces: list[Face]) -> list[Face]:
        """Average each face with the predictions of additional views of it."""
        if not faces:
            return []
        images = [_image(face) for face in faces]
        boxes = [_scaled_square(geometry.upright_box(face.points, face.roll), _VIEW_SCALE) for face in faces]
        views = [self._predict_crops(images, boxes, [face.roll + roll for face in faces]) for roll in _VIEW_ROLLS]
        averaged = []
        for i, face in enumerate(faces):
            alike = [view[i] for view in views if geometry.iou(view[i].box, face.box) >= _MIN_VIEW_IOU]
            points, expected_errors = (
                np.stack([getattr(each, name) for each in (face, *alike)]) for name in ("points", "expected_errors")
            )
            found = [each.visibility for each in (face, *alike) if each.visibility is not None]
            visibility = np.mean(found, axis=0) if found else None
            averaged.append(self._face(*average_predictions(points, expected_errors), visibility, images[i], face.roll))
        return averaged

    def _predict_crops(
        self, images: Sequence[np.ndarray], boxes: Sequence[np.ndarray], rolls: Sequence[float]
    ) -> list[Face]:
        """Predict crops around boxes, rotated so that faces with these rolls in degrees are upright."""
        size, margin = self.model.crop_size, self.model.crop_margin
        faces = []
        for start in range(0, len(boxes), self.batch_size):
            batch = slice(start, start + self.batch_size)
            matrices = [
                geometry.crop_transform(box, size, margin, -roll)
                for box, roll in zip(boxes[batch], rolls[batch], strict=True)
            ]
            crops = [geometry.warp(*pair, size) for pair in zip(images[batch], matrices, strict=True)]
            predictions = self.model(np.array(crops, dtype=np.uint8).reshape(-1, size, size, 3))
            for i, matrix in enumerate(matrices):
                points, expected_errors, visibility = (values[i] for values in predictions)
                points = geometry.apply(geometry.invert(matrix), points)
                expected_errors = expected_errors / np.float32(geometry.transform_scale(matrix))
                known = None if np.isnan(visibility).any() else visibility
                faces.append(self._face(points, expected_errors, known, images[start + i], rolls[start + i]))
        return faces

    def _face(
        self,
        points: np.ndarray,
        expected_errors: np.ndarray,
        visibility: np.ndarray | None,
        image: np.ndarray,
        roll: float,
    ) -> Face:
        points = points.astype(np.float32)
        return Face(
            points,
            expected_errors,
            score=face_score(points, expected_errors),
            box=geometry.points_box(points).astype(np.float32),
            scheme=self.model.scheme,
            image=image,
            visibility=visibility,
            roll=normalize_roll(roll),
        )


def check_boxes(boxes: Boxes) -> np.ndarray:
    """Return boxes as float64 (M, 4).

    Raises:
        ArgumentError: If the boxes are not (M, 4), finite and of positive size.
    """
    try:
        table = np.asarray(boxes, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(f"boxes must be numbers (M, 4), each x0, y0, x1, y1, not {boxes!r}") from None
    if table.size == 0:
        return table.reshape(0, 4)
    if table.ndim != 2 or table.shape[1] != 4:
        raise ArgumentError(f"boxes must be (M, 4), each x0, y0, x1, y1, not of shape {table.shape}")
    for i, box in enumerate(table):
        if not (np.isfinite(box).all() and (box[2:] > box[:2]).all()):
            raise ArgumentError(f"box {i}: expected finite x0, y0, x1, y1 with x1 > x0 and y1 > y0, not {box.tolist()}")
    return table


def _needs_refinement(points: np.ndarray, box: np.ndarray, roll: float, next_roll: float) -> bool:
    """Return whether the box or the roll of the points differs from the given one, and the boxes overlap."""
    if not np.isfinite(points).all():
        return False
    found = geometry.upright_box(points, next_roll)
    if geometry.iou(found, box) <= _MIN_REFINE_IOU:
        return False
    side = geometry.box_side(found)
    shift = np.abs(geometry.box_center(found) - geometry.box_center(box)).max() / side
    growth = abs(math.log(geometry.box_side(box) / side))
    return next_roll != roll or bool(shift > _MAX_SHIFT or growth > _MAX_GROWTH)


def _scaled_square(box: np.ndarray, scale: float) -> np.ndarray:
    return geometry.square_box(geometry.box_center(box), scale * geometry.box_side(box))


def _image(face: Face) -> np.ndarray:
    assert face.image is not None, "faces of this predictor have an image"
    return face.image
