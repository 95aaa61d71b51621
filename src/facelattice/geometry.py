"""Boxes, similarity transforms and warps: the only file that knows where pixel centers lie.

Points are ``(x, y)`` in pixels, and whole numbers are pixel centers, so that an image W wide spans [-0.5, W - 0.5] and
its middle is at (W - 1) / 2. Boxes are ``(x0, y0, x1, y1)`` in the same coordinates. A transform is a (2, 3) matrix
that takes points of one image to points of another.

    matrix = crop_transform(box, size=128, margin=1.3)      # image -> crop
    crop = warp(image, matrix, size=128)
    points_in_image = apply(invert(matrix), points_in_crop)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np


def points_box(points: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """The tight box (4,) of points (N, 2), over those that ``mask`` (N,) keeps.

    Raises ValueError where no finite point is left.
    """
    points = np.asarray(points, dtype=np.float64)
    keep = np.isfinite(points).all(-1)
    if mask is not None:
        keep &= np.asarray(mask, dtype=bool)
    if not keep.any():
        raise ValueError("no finite points to draw a box around")
    return np.concatenate([points[keep].min(0), points[keep].max(0)])


def face_box(points: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """The box (4,) to look for a face in, by its points (N, 2): the tight one (`points_box`), or a square around points
    on a line, whose tight box would overlap nothing."""
    box = points_box(points, mask)
    return box if (box[2:] > box[:2]).all() else square_box(box_center(box), box_side(box))


def box_center(box: np.ndarray) -> np.ndarray:
    """The middle (2,) of a box."""
    box = np.asarray(box, dtype=np.float64)
    return (box[..., :2] + box[..., 2:]) / 2


def box_side(box: np.ndarray) -> float:
    """The longer side of a box: the face size that crops and expected errors are measured by."""
    return float(max(box[2] - box[0], box[3] - box[1]))


def square_box(center: np.ndarray, side: float) -> np.ndarray:
    """The square box (4,) of that center and side."""
    center = np.asarray(center, dtype=np.float64)
    return np.concatenate([center - side / 2, center + side / 2])


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return float(shared / union) if union > 0 else 0.0


def jitter_box(box: np.ndarray, shift: float, growth: float, rng: np.random.Generator) -> np.ndarray:
    """The square box (4,) around ``box``, its center moved by N(0, ``shift``) of its side each way and its side times
    exp(N(0, ``growth``))."""
    side = box_side(box)
    center = box_center(box) + shift * side * rng.normal(size=2)
    return square_box(center, side * math.exp(growth * rng.normal()))


def sample_background_box(boxes: Sequence[np.ndarray], width: int, height: int, rng: np.random.Generator) -> np.ndarray | None:
    """A square box (4,) beside all of ``boxes`` (M, 4) in an image of that size; None where there is no room.

    Its side is 1/4 to 1 of the first box's, and at least half of it lies in the image.
    """
    side = box_side(boxes[0])
    for _ in range(10):
        size = side * rng.uniform(0.25, 1.0)
        other = square_box(rng.uniform([0, 0], [width, height]), size)
        inside = overlap(other, np.array([0, 0, width, height])) * width * height
        if all(overlap(other, box) < 0.02 for box in boxes) and inside > 0.5 * size * size:
            return other
    return None


def highest_iou(boxes: np.ndarray | list[np.ndarray], box: np.ndarray, least: float) -> int | None:
    """Which of the boxes (M, 4) overlaps ``box`` most (`overlap`); None where none does by at least ``least``."""
    overlaps = [overlap(other, box) for other in boxes]
    best = int(np.argmax(overlaps)) if overlaps else None
    return best if best is not None and overlaps[best] >= least else None


def crop_transform(
    box: np.ndarray, size: int, margin: float, rotation: float = 0.0, mirror: bool = False
) -> np.ndarray:
    """The (2, 3) matrix from the image to a ``size`` x ``size`` crop around ``box``.

    The crop's middle is the box's middle and its side is ``margin`` times the box's longer side. ``rotation`` turns the
    image, degrees, clockwise on the screen; ``mirror`` then swaps left and right.

    Raises ValueError where the box is not finite or has no size.
    """
    box = np.asarray(box, dtype=np.float64)
    if box.shape != (4,) or not np.isfinite(box).all() or box_side(box) <= 0:
        raise ValueError(
            f"a box must be four finite numbers x0, y0, x1, y1 with x1 > x0 or y1 > y0, not {box.tolist()}"
        )
    scale = size / (margin * box_side(box))
    cos, sin = scale * math.cos(math.radians(rotation)), scale * math.sin(math.radians(rotation))
    linear = np.array([[cos, -sin], [sin, cos]])
    if mirror:
        linear[0] *= -1
    middle = (size - 1) / 2  # the half pixel: the middle of an image of n pixels is at (n - 1) / 2
    return np.column_stack([linear, middle - linear @ box_center(box)])


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 2) taken through a (2, 3) transform, float32."""
    return (np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def invert(matrix: np.ndarray) -> np.ndarray:
    """The transform that undoes ``matrix``."""
    (a, b, x), (c, d, y) = np.asarray(matrix, dtype=np.float64)
    # By hand: for two rows numpy's general way takes twenty times as long, and every face needs several.
    return np.array([[d, -b, b * y - d * x], [-c, a, c * x - a * y]]) / (a * d - b * c)


def downscale_transform(factor: float) -> np.ndarray:
    """The (2, 3) matrix from an image to the same image decoded or averaged down to 1 / ``factor`` of its size.

    Pixel i of the small image stands for pixels i * factor to i * factor + factor - 1, and its center lies between
    them.
    """
    offset = (1 / factor - 1) / 2
    return np.array([[1 / factor, 0, offset], [0, 1 / factor, offset]])


def compose(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The transform that does ``first`` and then ``second``."""
    return np.column_stack([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2] + second[:, 2]])


def transform_scale(matrix: np.ndarray) -> float:
    """How many pixels of the target one pixel of the source becomes."""
    (a, b, _), (c, d, _) = matrix
    return math.sqrt(abs(a * d - b * c))


def similarity(source: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The least-squares similarity transform (2, 3) that takes points ``source`` (N, 2) to ``target`` (N, 2), no
    mirror; ``weights`` (N,) say how much each point counts.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", TPAMI 1991. Raises
    ValueError where all source points coincide.
    """
    source, target = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    weights = np.ones(len(source)) if weights is None else weights
    share = (weights / weights.sum())[:, None]
    from_middle, to_middle = (share * source).sum(0), (share * target).sum(0)
    a, b = np.sqrt(share) * (source - from_middle), np.sqrt(share) * (target - to_middle)
    spread = (a**2).sum()
    if not spread > 0:
        raise ValueError("cannot fit a similarity transform to points that all coincide")
    cos = (a * b).sum() / spread
    sin = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / spread
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([linear, to_middle - linear @ from_middle])


def warp(
    image: np.ndarray, matrix: np.ndarray, size: int | tuple[int, int], fill: float = 0.0, blur: bool = True
) -> np.ndarray:
    """The crop that ``matrix`` (image -> crop) cuts out of ``image`` (H, W, ...): uint8 (height, width, ...).

    ``size`` is the side or (width, height). What lies outside the image is ``fill``. An image that shrinks to less
    than half is halved first, as often as need be, and with ``blur`` blurred where it still shrinks by more than 1.2
    times, so that little aliases.
    """
    width, height = (size, size) if isinstance(size, int) else size
    # Only the part of the image under the crop is touched, so a face in a huge photo costs no more than in a small
    # one.
    corners = np.array([[-1, -1], [width, -1], [-1, height], [width, height]])
    corners = apply(invert(matrix), corners)
    halvings = max(0, int(-math.log2(max(transform_scale(matrix), 1e-6))))
    shrink = 2**halvings
    x0, y0 = np.maximum(np.floor(corners.min(0)).astype(int) - 2 * shrink, 0)
    x1, y1 = np.minimum(np.ceil(corners.max(0)).astype(int) + 1 + 2 * shrink, image.shape[1::-1])
    if x0 >= x1 or y0 >= y1:
        return np.full((height, width, *image.shape[2:]), fill, image.dtype)
    part, matrix = image[y0:y1, x0:x1], compose(matrix, np.array([[1, 0, x0], [0, 1, y0]]))
    if shrink > 1:
        part = cv2.copyMakeBorder(part, 0, (y0 - y1) % shrink, 0, (x0 - x1) % shrink, cv2.BORDER_REPLICATE)
        for _ in range(halvings):  # the mean of 2 x 2 pixels takes a quarter of the time that one of 3 x 3 takes
            part = cv2.resize(part, (part.shape[1] // 2, part.shape[0] // 2), interpolation=cv2.INTER_AREA)
        matrix = compose(matrix, invert(downscale_transform(shrink)))
    if blur and 1.2 * transform_scale(matrix) < 1:
        part = cv2.GaussianBlur(part, (3, 3), 0, borderType=cv2.BORDER_REPLICATE)  # by 1 2 1: the quickest there is
    return cv2.warpAffine(
        part, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(fill,) * 4
    )
