"""Drawings of faces over their image, or on a transparent overlay.

Example:
    drawing = draw_faces("photo.jpg", FaceAligner()("photo.jpg"))
    overlay = draw_overlay(image.shape, faces, style="mesh")
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np

from facelattice.face import Face, list_faces
from facelattice.image_io import load_image
from facelattice.visualization.face_marks import (
    FONT,
    HERSHEY_HEIGHT,
    FaceMarks,
    Label,
    check_drawing,
    face_marks,
    text_size,
)

DARK = (20, 22, 28)
LINE_OPACITY, FAINT_OPACITY, EDGE_OPACITY = 0.65, 0.3, 0.4
_SHIFT = 4  # OpenCV draws in units of 1/16 pixel

FixedPoint = tuple[int, int]
"""x and y in units of 1/16 pixel."""


def draw_faces(image: Any, faces: Iterable[Face] | Face, style: str = "lines", color: str = "error") -> np.ndarray:
    """Draw faces over a copy of an image.

    Widths grow with the face. Faces below 100 px have thin lines without a dark edge. Points that are probably hidden
    are hollow. A face with a track has its number. Points that are not finite are left out.

    Args:
        image: Anything that `load_image` takes: a path, an array, or a PIL image.
        faces: The faces, or one face, in pixels of the image.
        style: "points", "lines" of the scheme, "mesh" (triangles between the points), or "numbers" with the lines.
        color: "error": from blue over yellow to red for expected errors of 1, 3 and 8 % of the size of the face. Or
            "region": by the region of the scheme; points with an expected error above 5 % are faint.

    Returns:
        RGB uint8 (H, W, 3).

    Raises:
        ArgumentError: If ``style`` or ``color`` is unknown.
        ImageError: If ``image`` cannot be loaded.
    """
    check_drawing(style, color)
    canvas = np.array(load_image(image), order="C")  # a copy, as load_image may return the given array
    for face in list_faces(faces):
        marks = face_marks(face, style, color, 2.0 * max(canvas.shape))
        if marks is not None:
            _draw_marks(canvas, marks)
    return canvas


def draw_overlay(
    shape: tuple[int, ...], faces: Iterable[Face] | Face, style: str = "lines", color: str = "error"
) -> np.ndarray:
    """Draw faces on a transparent image, to be laid over their image.

    Args:
        shape: Height and width.
        faces: The faces, or one face, in pixels of the image.
        style: As for `draw_faces`.
        color: As for `draw_faces`.

    Returns:
        RGBA uint8 (H, W, 4), with alpha not premultiplied.

    Raises:
        ArgumentError: If ``style`` or ``color`` is unknown.
    """
    faces = list_faces(faces)
    # The difference between a drawing over black and one over white is the transparency.
    over_black, over_white = (
        draw_faces(np.full((*shape[:2], 3), value, np.uint8), faces, style, color).astype(np.float32)
        for value in (0, 255)
    )
    alpha = 255 - (over_white - over_black).min(2, keepdims=True)
    rgb = over_black * 255 / np.maximum(alpha, 1)
    return np.rint(np.concatenate([np.minimum(rgb, 255), alpha], 2)).astype(np.uint8)


def _draw_marks(canvas: np.ndarray, marks: FaceMarks) -> None:
    # Only the part of the image under the face is blended, so that many faces in a large image stay fast.
    low, high = _extent(marks)
    x0, y0 = np.clip(np.floor(low), 0, canvas.shape[1::-1]).astype(int)
    x1, y1 = np.clip(np.ceil(high) + 1, 0, canvas.shape[1::-1]).astype(int)
    if x0 >= x1 or y0 >= y1:
        return
    part = canvas[y0:y1, x0:x1]
    drawn = np.isfinite(marks.points).all(1)
    points = fixed_points(np.where(drawn[:, None], marks.points, 0) - [x0, y0])
    without_lines = part.copy()
    is_line_faint = marks.is_line_faint()
    for is_faint, opacity in ((True, FAINT_OPACITY), (False, LINE_OPACITY)):
        chosen = np.flatnonzero(is_line_faint == is_faint).tolist()
        if chosen:
            _draw_lines(part, points, marks, chosen, opacity)
    if (drawn & marks.is_hollow).any():
        centers = np.zeros(part.shape[:2], np.uint8)
        for i in np.flatnonzero(drawn & marks.is_hollow):
            draw_dot(centers, points[i], marks.hollow_radius, (255,))
        part[centers > 127] = without_lines[centers > 127]
    for is_faint, opacity in ((True, FAINT_OPACITY), (False, 1.0)):
        chosen = np.flatnonzero(drawn & (marks.is_faint == is_faint)).tolist()
        if chosen:
            layer = part.copy()
            for i in chosen:
                _draw_point(layer, points[i], marks, i)
            part[:] = layer if opacity == 1 else cv2.addWeighted(layer, opacity, part, 1 - opacity, 0)
    for label in marks.labels:
        _draw_label(part, label, label.center - [x0, y0])


def _extent(marks: FaceMarks) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of the part of the image that the marks cover."""
    pad = 3 * marks.line_width + marks.hollow_radius
    corners = [np.nanmin(marks.points, 0) - pad, np.nanmax(marks.points, 0) + pad]
    for label in marks.labels:
        half_size = np.array(text_size(label.text, label.height)) / 2 + 3
        corners += [label.center - half_size, label.center + half_size]
    return np.min(corners, 0), np.max(corners, 0)


def _draw_lines(
    part: np.ndarray, points: list[FixedPoint], marks: FaceMarks, chosen: list[int], opacity: float
) -> None:
    """Blend lines, with a dark edge for light backgrounds, into a part of the image."""
    background = part.copy()
    if marks.has_edge:
        for i in chosen:
            a, b = marks.lines[i]
            draw_line(background, points[a], points[b], DARK, marks.line_width + 2)
        cv2.addWeighted(background, EDGE_OPACITY * opacity, part, 1 - EDGE_OPACITY * opacity, 0, dst=background)
    layer = background.copy()
    for i in chosen:
        a, b = marks.lines[i]
        draw_line(layer, points[a], points[b], marks.line_colors[i], marks.line_width)
    part[:] = cv2.addWeighted(layer, opacity, background, 1 - opacity, 0)


def _draw_point(layer: np.ndarray, point: FixedPoint, marks: FaceMarks, i: int) -> None:
    color = marks.colors[i]
    if marks.is_hollow[i]:
        if marks.has_edge:  # outside only, so that the center stays clear
            draw_dot(layer, point, marks.hollow_radius + 0.5 * marks.line_width + 0.5, DARK, 1)
        draw_dot(layer, point, marks.hollow_radius, color, marks.line_width)
        return
    if marks.has_edge:
        draw_dot(layer, point, marks.radius + 0.35 * marks.line_width, DARK)
    draw_dot(layer, point, marks.radius, color)


def _draw_label(part: np.ndarray, label: Label, center: np.ndarray) -> None:
    width, height = text_size(label.text, label.height)
    corner = (round(center[0] - width / 2), round(center[1] + height / 2))
    scale, thickness = label.height / HERSHEY_HEIGHT, max(1, round(label.height / 14))
    for color, extra in ((DARK, 2), (label.color, 0)):
        cv2.putText(part, label.text, corner, FONT, scale, color, thickness + extra, cv2.LINE_AA)


def draw_line(canvas: np.ndarray, a: FixedPoint, b: FixedPoint, color: tuple[int, ...], width: int) -> None:
    """Draw a line between two points, in place."""
    cv2.line(canvas, a, b, color, width, cv2.LINE_AA, _SHIFT)


def draw_dot(
    canvas: np.ndarray, at: FixedPoint, radius: float, color: tuple[int, ...], width: int = cv2.FILLED
) -> None:
    """Draw a disc, or a ring of a width, in place."""
    cv2.circle(canvas, at, round(radius * 2**_SHIFT), color, width, cv2.LINE_AA, _SHIFT)


def fixed_points(points: np.ndarray) -> list[FixedPoint]:
    """Convert points (N, 2) to OpenCV's 32-bit fixed-point numbers, clipped to their range."""
    return [(x, y) for x, y in np.round(np.clip(points, -30000, 30000) * 2**_SHIFT).astype(int).tolist()]
