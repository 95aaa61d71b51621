"""Drawings of faces over their image, and of a point scheme with its numbers.

Example:
    image = draw_faces(image, FaceAligner()(image))
    chart = draw_scheme(get_scheme("wflw98"))
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import pairwise

import cv2
import numpy as np

from facelattice.exceptions import ArgumentError
from facelattice.face import Face
from facelattice.geometry import box_center, box_side, points_box
from facelattice.schemes import SCHEMES, Scheme, get_scheme, mean_shape
from facelattice.visualization.label_placement import place_labels
from facelattice.visualization.scheme_layout import schematic_layout

# RGB, visible on skin of any color and on a dark background. Both sides of the face have the same color.
COLORS = {
    "jaw": (96, 190, 255),
    "brow": (255, 196, 61),
    "nose": (120, 230, 140),
    "eye": (240, 240, 255),
    "mouth": (255, 106, 136),
}
OTHER_COLORS = [(80, 225, 215), (200, 150, 255), (255, 150, 80), (170, 220, 60)]  # for other regions, in turn
DARK = (20, 22, 28)
FAINT = (46, 50, 60)

MAX_RELATIVE_ERROR = 0.05  # a point with a larger expected error, relative to the face, is drawn as uncertain
_SHIFT = 4  # OpenCV draws in units of 1/16 pixel
_FONT = cv2.FONT_HERSHEY_DUPLEX


def draw_faces(image: np.ndarray, faces: Iterable[Face]) -> np.ndarray:
    """Draw faces over a copy of an image.

    Lines follow the scheme and have a color for each region. Their width grows with the face. A point with an expected
    error above 5 % of the size of the face is drawn as a circle, with fainter lines; one that is probably hidden as a
    circle with a dark center. Points that are not finite are left out.

    Args:
        image: RGB uint8 (H, W, 3).
        faces: The faces, in pixels of the image.

    Returns:
        RGB uint8 (H, W, 3).

    Raises:
        ArgumentError: If ``image`` is not an RGB array.
    """
    if isinstance(image, (str, bytes, os.PathLike)):
        raise ArgumentError(f"draw_faces takes an RGB array, not a path: use load_image({str(image)!r})")
    canvas = np.array(image, dtype=np.uint8, order="C")
    if canvas.ndim != 3 or canvas.shape[2] != 3:
        raise ArgumentError(f"draw_faces takes an RGB array uint8 (H, W, 3), not one of shape {canvas.shape}")
    for face in faces:
        finite = np.isfinite(face.points).all(1)
        if finite.any():
            _draw_face(canvas, face, finite)
    return canvas


def _draw_face(canvas: np.ndarray, face: Face, finite: np.ndarray) -> None:
    box = points_box(face.points)
    side = max(box_side(box), 1.0)
    scale = min(side, 2.0 * max(canvas.shape))  # limits the lines of a face that is much larger than the image
    width, radius = max(1, round(scale / 220)), max(0.8, scale / 130)
    # Only the part of the image under the face is blended, so that many faces in a large image stay fast.
    pad = 3 * width + radius
    x0, y0 = np.clip(np.floor(box[:2] - pad), 0, canvas.shape[1::-1]).astype(int)
    x1, y1 = np.clip(np.ceil(box[2:] + pad) + 1, 0, canvas.shape[1::-1]).astype(int)
    if x0 >= x1 or y0 >= y1:
        return
    part = canvas[y0:y1, x0:x1]
    points = np.where(finite[:, None], face.points, 0) - [x0, y0]
    certain = ~(face.expected_errors > MAX_RELATIVE_ERROR * side)
    visible = np.ones(len(certain), bool) if face.visible is None else face.visible
    colors = _colors(face.scheme)
    segments = [(a, b) for a, b in _segments(face.scheme) if finite[a] and finite[b]]
    for opacity, is_certain in ((0.4, False), (0.85, True)):
        chosen = [(a, b) for a, b in segments if certain[[a, b]].all() == is_certain]
        _draw_lines(part, points, chosen, colors, width, opacity)
    layer = part.copy()
    for i in np.flatnonzero(finite):
        if certain[i] and visible[i]:
            _dot(layer, points[i], radius + 0.35 * width, DARK)
            _dot(layer, points[i], radius, colors[i])
            continue
        if not visible[i]:
            _dot(layer, points[i], 1.5 * radius, DARK)
        _dot(layer, points[i], 1.5 * radius, colors[i], max(1, width - 1))
    part[:] = layer


def _draw_lines(
    part: np.ndarray,
    points: np.ndarray,
    segments: list[tuple[int, int]],
    colors: list[tuple[int, int, int]],
    width: int,
    opacity: float,
) -> None:
    """Blend lines with a dark outline, for light backgrounds, into a part of the image."""
    layer = part.copy()
    for a, b in segments:
        _line(layer, points[a], points[b], DARK, width + 2)
    cv2.addWeighted(layer, 0.4 * opacity, part, 1 - 0.4 * opacity, 0, dst=layer)
    background = layer.copy()
    for a, b in segments:
        _line(layer, points[a], points[b], colors[a], width)
    part[:] = cv2.addWeighted(layer, opacity, background, 1 - opacity, 0)


def draw_scheme(scheme: Scheme, size: int = 900, shape: np.ndarray | None = None) -> np.ndarray:
    """Draw the mean face of a scheme with its lines and the numbers of its points.

    Args:
        scheme: The scheme.
        size: Side of the drawing in pixels.
        shape: Mean face (N, 2) of any size. None for that of a built-in scheme; the points of another scheme are then
            placed by `schematic_layout`.

    Returns:
        RGB uint8 (size, size, 3).
    """
    side = 3 * size  # drawn three times as large and averaged down, for smooth lines and letters
    unit = side / 900

    def place(shape: np.ndarray) -> np.ndarray:
        return side * (0.07 + 0.86 * shape)

    canvas = np.full((side, side, 3), DARK, np.uint8)
    if shape is None and scheme.name in SCHEMES:
        background = get_scheme("wflw98")
        outline = place(mean_shape(background))
        for a, b in _segments(background):  # a faint face, for schemes with few points
            _line(canvas, outline[a], outline[b], FAINT, round(2 * unit))
    points, colors = place(_unit_shape(scheme, shape)), _colors(scheme)
    for a, b in _segments(scheme):
        _line(canvas, points[a], points[b], tuple(c // 2 for c in colors[a]), round(1.6 * unit))
    for point, color in zip(points, colors, strict=True):
        _dot(canvas, point, 3.6 * unit, color)
    texts = [str(i) for i in range(len(scheme))]
    font_scale, thickness = (0.42 if len(scheme) > 40 else 0.6) * unit, max(1, round(unit))
    sizes = np.array([cv2.getTextSize(text, _FONT, font_scale, thickness)[0] for text in texts], float)
    for text, center, (w, h) in zip(texts, place_labels(scheme, points, sizes, 5.5 * unit), sizes, strict=True):
        corner = (round(center[0] - w / 2), round(center[1] + h / 2))
        cv2.putText(canvas, text, corner, _FONT, font_scale, (232, 236, 244), thickness, cv2.LINE_AA)
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)


def _unit_shape(scheme: Scheme, shape: np.ndarray | None) -> np.ndarray:
    """The points (N, 2) of a chart in the unit square."""
    if shape is None:
        return mean_shape(scheme) if scheme.name in SCHEMES else schematic_layout(scheme)
    box = points_box(shape)
    return (shape - box_center(box)) / max(box_side(box), 1e-9) + 0.5


def _segments(scheme: Scheme) -> list[tuple[int, int]]:
    return [pair for line in scheme.lines for pair in pairwise(line)]


def _colors(scheme: Scheme) -> list[tuple[int, int, int]]:
    """Return the color of each point by its region; left_eye and right_eye have the color of eye."""
    colors = [OTHER_COLORS[0]] * len(scheme)
    num_others = 0
    for region, ids in scheme.regions.items():
        color = COLORS.get(region.removeprefix("left_").removeprefix("right_"))
        if color is None:
            color, num_others = OTHER_COLORS[num_others % len(OTHER_COLORS)], num_others + 1
        for i in ids:
            colors[i] = color
    return colors


def _fixed_point(point: np.ndarray) -> tuple[int, int]:
    """Convert a point to OpenCV's fixed-point numbers, clipped to what its 32 bits can draw."""
    x, y = np.round(np.clip(point, -30000, 30000) * 2**_SHIFT).astype(int)
    return int(x), int(y)


def _line(canvas: np.ndarray, a: np.ndarray, b: np.ndarray, color: tuple[int, ...], width: int) -> None:
    cv2.line(canvas, _fixed_point(a), _fixed_point(b), color, width, cv2.LINE_AA, _SHIFT)


def _dot(canvas: np.ndarray, at: np.ndarray, radius: float, color: tuple[int, ...], width: int = cv2.FILLED) -> None:
    cv2.circle(canvas, _fixed_point(at), round(radius * 2**_SHIFT), color, width, cv2.LINE_AA, _SHIFT)
