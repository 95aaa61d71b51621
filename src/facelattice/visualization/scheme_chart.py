"""Drawing of a point scheme: the mean face with the numbers of its points.

Example:
    chart = draw_scheme(get_scheme("wflw98"))
"""

from __future__ import annotations

import cv2
import numpy as np

from facelattice.geometry import box_center, box_side, points_box
from facelattice.schemes import SCHEMES, Scheme, get_scheme, mean_shape
from facelattice.visualization.face_marks import FONT, region_colors, segments
from facelattice.visualization.faces import DARK, draw_dot, draw_line, fixed_points
from facelattice.visualization.label_placement import place_labels
from facelattice.visualization.scheme_layout import schematic_layout

FAINT = (46, 50, 60)


def draw_scheme(scheme: Scheme, size: int = 900, shape: np.ndarray | None = None) -> np.ndarray:
    """Draw the mean face of a scheme with its lines and the numbers of its points.

    Args:
        scheme: The scheme.
        size: Side of the drawing in pixels.
        shape: Mean face (N, 2) of any size. None for the mean face of a built-in scheme, and for `schematic_layout` of
            another scheme.

    Returns:
        RGB uint8 (size, size, 3).
    """
    side = 3 * size  # drawn at three times the size and scaled down, for smooth lines and letters
    unit = side / 900

    def place(shape: np.ndarray) -> np.ndarray:
        return side * (0.07 + 0.86 * shape)

    canvas = np.full((side, side, 3), DARK, np.uint8)
    if shape is None and scheme.name in SCHEMES:
        background = get_scheme("wflw98")
        outline = fixed_points(place(mean_shape(background)))
        for a, b in segments(background):  # a faint face, for schemes with few points
            draw_line(canvas, outline[a], outline[b], FAINT, round(2 * unit))
    points, colors = place(_unit_shape(scheme, shape)), region_colors(scheme)
    places = fixed_points(points)
    for a, b in segments(scheme):
        draw_line(canvas, places[a], places[b], tuple(c // 2 for c in colors[a]), round(1.6 * unit))
    for at, color in zip(places, colors, strict=True):
        draw_dot(canvas, at, 3.6 * unit, color)
    texts = [str(i) for i in range(len(scheme))]
    font_scale, thickness = (0.42 if len(scheme) > 40 else 0.6) * unit, max(1, round(unit))
    sizes = np.array([cv2.getTextSize(text, FONT, font_scale, thickness)[0] for text in texts], float)
    for text, center, (w, h) in zip(texts, place_labels(scheme, points, sizes, 5.5 * unit), sizes, strict=True):
        corner = (round(center[0] - w / 2), round(center[1] + h / 2))
        cv2.putText(canvas, text, corner, FONT, font_scale, (232, 236, 244), thickness, cv2.LINE_AA)
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)


def _unit_shape(scheme: Scheme, shape: np.ndarray | None) -> np.ndarray:
    """Return the points (N, 2) of a chart in the unit square."""
    if shape is None:
        return mean_shape(scheme) if scheme.name in SCHEMES else schematic_layout(scheme)
    box = points_box(shape)
    return (shape - box_center(box)) / max(box_side(box), 1e-9) + 0.5
