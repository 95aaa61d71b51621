"""Boxes, similarity transforms and image warps.

Points are ``(x, y)`` in pixels. Whole numbers are pixel centers: an image of width W spans [-0.5, W - 0.5] and its
center is at (W - 1) / 2. Boxes are ``(x0, y0, x1, y1)`` in the same coordinates. A transform is a (2, 3) matrix that
maps points of one image to points of another. No other module handles the half-pixel offset.

    matrix = crop_transform(box, size=128, margin=1.3)  # image -> crop
    crop = warp(image, matrix, size=128)
    points_in_image = apply(invert(matrix), points_in_crop)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike

from facelattice.exceptions import ArgumentError


def points_box(points: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Compute the tight box of points.

    Args:
        points: Points (N, 2). Points with a NaN or infinite coordinate are ignored.
        mask: Bool (N,). Points where it is false are ignored.

    Returns:
        The box (4,), float64.

    Raises:
        ArgumentError: If no finite point is left.
    """
    points = np.asarray(points, dtype=np.float64)
    keep = np.isfinite(points).all(-1)
    if mask is not None:
        keep &= np.asarray(mask, dtype=bool)
    if not keep.any():
        raise ArgumentError("cannot compute the box of points: none of them is finite and in the mask")
    return np.concatenate([points[keep].min(0), points[keep].max(0)])


def face_box(points: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Compute the box of a face from its points.

    It is the tight box (`points_box`), or a square around it if the points lie on a horizontal or vertical line, as a
    box without an area has no overlap with others.

    Args:
        points: Points (N, 2).
        mask: Bool (N,). Points where it is false are ignored.

    Returns:
        The box (4,), float64.
    """
    box = points_box(points, mask)
    return box if (box[2:] > box[:2]).all() else square_box(box_center(box), box_side(box))


def upright_box(points: np.ndarray, roll: float) -> np.ndarray:
    """Compute the box of a face with an in-plane roll, of the size that it has when the face is upright.

    Args:
        points: Points (N, 2).
        roll: Roll of the face in degrees, clockwise.

    Returns:
        The box (4,), with the center, width and height of the tight box in the image that is rotated so that the face
        is upright. `crop_transform` with the rotation ``-roll`` shows this part of the image. Without a roll, it is
        `points_box`.
    """
    cos, sin = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    rotation = np.array([[cos, sin], [-sin, cos]])
    box = points_box(np.asarray(points, dtype=np.float64) @ rotation.T)
    return box + np.tile(box_center(box) @ rotation - box_center(box), 2)


def box_center(box: np.ndarray) -> np.ndarray:
    """Return the center (..., 2) of boxes (..., 4)."""
    box = np.asarray(box, dtype=np.float64)
    return (box[..., :2] + box[..., 2:]) / 2


def box_side(box: np.ndarray) -> float:
    """Return the longer side of a box (4,), the measure of a face's size for crops and expected errors."""
    return float(max(box[2] - box[0], box[3] - box[1]))


def square_box(center: np.ndarray, side: float) -> np.ndarray:
    """Return the square box (4,) with the given center (2,) and side."""
    center = np.asarray(center, dtype=np.float64)
    return np.concatenate([center - side / 2, center + side / 2])


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Compute the intersection over union of two boxes (4,); 0 if neither has an area."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    intersection = max(width, 0.0) * max(height, 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - intersection
    return float(intersection / union) if union > 0 else 0.0


def highest_iou(boxes: Sequence[np.ndarray] | np.ndarray, box: np.ndarray, min_iou: float) -> int | None:
    """Find the box that overlaps another box most.

    Args:
        boxes: Boxes (M, 4) to choose from.
        box: The other box (4,).
        min_iou: Smallest intersection over union of a match.

    Returns:
        The index of the box with the highest intersection over union, or None if no box reaches ``min_iou``.
    """
    ious = [iou(other, box) for other in boxes]
    best = int(np.argmax(ious)) if ious else None
    return best if best is not None and ious[best] >= min_iou else None


def nms(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """Select boxes by non-maximum suppression over intersection over minimum.

    A box is dropped if its intersection with a better box is more than ``threshold`` times the smaller of the two
    areas. Unlike intersection over union, this also drops partial faces at the edge of a tile.

    Args:
        boxes: Boxes (M, 4).
        scores: Scores (M,); higher is better.
        threshold: Largest allowed fraction of the smaller area, 0 to 1.

    Returns:
        The indices of the boxes to keep, best score first.
    """
    if len(boxes) < 2:
        return list(range(len(boxes)))
    kept: list[int] = []
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    for i in np.argsort(-scores, kind="stable"):
        sides = np.minimum(boxes[kept, 2:], boxes[i, 2:]) - np.maximum(boxes[kept, :2], boxes[i, :2])
        intersections = sides.clip(0).prod(1)
        if (intersections <= threshold * np.minimum(areas[kept], areas[i])).all():
            kept.append(int(i))
    return kept


def jitter_box(box: np.ndarray, shift: float, growth: float, rng: np.random.Generator) -> np.ndarray:
    """Return a random square box near a box.

    Args:
        box: The box (4,).
        shift: Standard deviation of the center's shift in x and in y, relative to the box's longer side.
        growth: Standard deviation of the logarithm of the side's scale.
        rng: Random number generator.

    Returns:
        The square box (4,).
    """
    side = box_side(box)
    center = box_center(box) + shift * side * rng.normal(size=2)
    return square_box(center, side * math.exp(growth * rng.normal()))


def sample_background_box(
    boxes: Sequence[np.ndarray] | np.ndarray, width: int, height: int, rng: np.random.Generator
) -> np.ndarray | None:
    """Sample a square box that lies beside all faces of an image.

    Its side is 1/4 to 1 of the first box's longer side, and at least half of its area lies in the image.

    Args:
        boxes: Boxes (M, 4) of the faces, at least one.
        width: Width of the image.
        height: Height of the image.
        rng: Random number generator.

    Returns:
        The box (4,), or None if ten samples gave none.
    """
    side = box_side(boxes[0])
    for _ in range(10):
        size = side * rng.uniform(0.25, 1.0)
        box = square_box(rng.uniform([0, 0], [width, height]), size)
        area_inside = iou(box, np.array([0, 0, width, height])) * width * height  # a lower bound: the union is larger
        if all(iou(box, face) < 0.02 for face in boxes) and area_inside > 0.5 * size * size:
            return box
    return None


def crop_transform(
    box: np.ndarray, size: int, margin: float, rotation: float = 0.0, mirror: bool = False
) -> np.ndarray:
    """Compute the transform from an image to a square crop around a box.

    Args:
        box: The box (4,). Its center becomes the center of the crop.
        size: Side of the crop in pixels.
        margin: The crop shows ``margin`` times the longer side of the box.
        rotation: Rotation of the image content in degrees, clockwise on the screen.
        mirror: Swap left and right after the rotation.

    Returns:
        The matrix (2, 3), float64.

    Raises:
        ArgumentError: If the box is not finite or has no size.
    """
    box = np.asarray(box, dtype=np.float64)
    if box.shape != (4,) or not np.isfinite(box).all() or box_side(box) <= 0:
        raise ArgumentError(
            f"a box must be four finite numbers x0, y0, x1, y1 with x1 > x0 or y1 > y0, not {box.tolist()}"
        )
    scale = size / (margin * box_side(box))
    cos, sin = scale * math.cos(math.radians(rotation)), scale * math.sin(math.radians(rotation))
    linear = np.array([[cos, -sin], [sin, cos]])
    if mirror:
        linear[0] *= -1
    center = (size - 1) / 2
    return np.column_stack([linear, center - linear @ box_center(box)])


def apply(matrix: np.ndarray, points: ArrayLike) -> np.ndarray:
    """Map points (..., 2) by a transform (2, 3); the result is float32 (..., 2)."""
    return (np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def to_corner_origin(points: np.ndarray) -> np.ndarray:
    """Convert points, or the corners of boxes, to coordinates from the corner of the image, not its first pixel center.

    Programs that scale coordinates with the image use them: the corner of the top left pixel is (0, 0), its center is
    (0.5, 0.5), and an image of width W spans [0, W].

    Args:
        points: Coordinates of any shape, float64 or float32, whose whole numbers are pixel centers.

    Returns:
        Float64 of the same shape.
    """
    return np.asarray(points, dtype=np.float64) + 0.5


def from_corner_origin(points: np.ndarray) -> np.ndarray:
    """Convert points, or the corners of boxes, from coordinates with corner origin; see `to_corner_origin`."""
    return np.asarray(points, dtype=np.float64) - 0.5


def invert(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse (2, 3) of a transform (2, 3)."""
    (a, b, x), (c, d, y) = np.asarray(matrix, dtype=np.float64)
    # The explicit formula is about twenty times faster than numpy.linalg.inv, and every face needs several inverses.
    return np.array([[d, -b, b * y - d * x], [-c, a, c * x - a * y]]) / (a * d - b * c)


def compose(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return the transform (2, 3) that applies ``first`` and then ``second``."""
    return np.column_stack([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2] + second[:, 2]])


def downscale_transform(factor: float) -> np.ndarray:
    """Return the transform (2, 3) from an image to the same image averaged down by ``factor``.

    Pixel i of the smaller image is the mean of pixels i * factor to i * factor + factor - 1 and lies at their center.
    """
    offset = (1 / factor - 1) / 2
    return np.array([[1 / factor, 0, offset], [0, 1 / factor, offset]])


def transform_scale(matrix: np.ndarray) -> float:
    """Return the scale of a similarity transform (2, 3): the length of one source pixel in the target."""
    (a, b, _), (c, d, _) = matrix
    return math.sqrt(abs(a * d - b * c))


def similarity(source: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Fit the similarity transform (rotation, scale, shift; no mirror) between two point sets by least squares.

    Args:
        source: Points (N, 2).
        target: Points (N, 2).
        weights: Weight of each point (N,); None gives equal weights.

    Returns:
        The matrix (2, 3) from ``source`` to ``target``.

    Raises:
        ArgumentError: If all source points coincide.

    Source:
        Umeyama, "Least-squares estimation of transformation parameters between two point patterns", TPAMI 1991.
    """
    source, target = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    weights = np.ones(len(source)) if weights is None else weights
    normalized = (weights / weights.sum())[:, None]
    source_mean, target_mean = (normalized * source).sum(0), (normalized * target).sum(0)
    a, b = np.sqrt(normalized) * (source - source_mean), np.sqrt(normalized) * (target - target_mean)
    variance = (a**2).sum()
    if not variance > 0:
        raise ArgumentError("cannot fit a similarity transform: all source points coincide")
    cos = (a * b).sum() / variance
    sin = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / variance
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([linear, target_mean - linear @ source_mean])


def warp(
    image: np.ndarray, matrix: np.ndarray, size: int | tuple[int, int], fill: float = 0.0, blur: bool = True
) -> np.ndarray:
    """Warp an image by a transform, with little aliasing.

    Args:
        image: Image (H, W) or (H, W, C).
        matrix: Transform (2, 3) from the image to the result.
        size: Side of the result, or its (width, height).
        fill: Value of pixels outside the image.
        blur: Blur before downscaling by a factor of 1.2 to 2. Larger factors are always averaged by halving first.

    Returns:
        The result (height, width) or (height, width, C), with the image's dtype.
    """
    width, height = size if isinstance(size, tuple) else (size, size)
    # Process only the part of the image that the result shows, so that the time does not depend on the image's size.
    corners = np.array([[-1, -1], [width, -1], [-1, height], [width, height]])
    corners = apply(invert(matrix), corners)
    num_halvings = max(0, int(-math.log2(max(transform_scale(matrix), 1e-6))))
    factor = 2**num_halvings
    x0, y0 = np.maximum(np.floor(corners.min(0)).astype(int) - 2 * factor, 0)
    x1, y1 = np.minimum(np.ceil(corners.max(0)).astype(int) + 1 + 2 * factor, image.shape[1::-1])
    if x0 >= x1 or y0 >= y1:
        return np.full((height, width, *image.shape[2:]), fill, image.dtype)
    part, matrix = image[y0:y1, x0:x1], compose(matrix, np.array([[1, 0, x0], [0, 1, y0]]))
    if factor > 1:
        part = cv2.copyMakeBorder(part, 0, (y0 - y1) % factor, 0, (x0 - x1) % factor, cv2.BORDER_REPLICATE)
        for _ in range(num_halvings):  # OpenCV is four times faster at 2 x 2 means than at other sizes
            part = cv2.resize(part, (part.shape[1] // 2, part.shape[0] // 2), interpolation=cv2.INTER_AREA)
        matrix = compose(matrix, invert(downscale_transform(factor)))
    if blur and 1.2 * transform_scale(matrix) < 1:
        part = cv2.GaussianBlur(part, (3, 3), 0, borderType=cv2.BORDER_REPLICATE)
    return cv2.warpAffine(
        part, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(fill,) * 4
    )


def turn_image(image: np.ndarray, roll: float, max_side: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Rotate a whole image so that faces with a roll become upright.

    Args:
        image: Image (H, W) or (H, W, C).
        roll: Roll of the faces in degrees, clockwise.
        max_side: If the longer side of the image is larger, it is downscaled to this before it is rotated.

    Returns:
        The rotated image, with black corners, and the transform (2, 3) from the image to it.
    """
    sides = np.array(image.shape[1::-1])
    scale = 1.0 if max_side is None else min(1.0, max_side / sides.max())
    cos, sin = scale * math.cos(math.radians(roll)), scale * math.sin(math.radians(roll))
    linear = np.array([[cos, sin], [-sin, cos]])
    width, height = (max(1, round(side)) for side in np.abs(linear) @ sides)
    center = np.array([width - 1, height - 1]) / 2
    matrix = np.column_stack([linear, center - linear @ ((sides - 1) / 2)])
    return warp(image, matrix, (width, height), blur=False), matrix
