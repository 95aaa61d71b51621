"""The marks of a face: points, lines and labels with their colors. `faces` and `face_svg` draw them.

The color scale of expected errors is the same as in the page (`serve/page/drawing.js`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise

import cv2
import numpy as np

from facelattice.exceptions import ArgumentError
from facelattice.face import Face
from facelattice.geometry import box_side, points_box
from facelattice.schemes import SCHEMES, Scheme, get_scheme, mean_shape
from facelattice.visualization.label_placement import place_near_labels

STYLES = ("points", "lines", "mesh", "numbers")
COLORINGS = ("error", "region")

Color = tuple[int, int, int]
"""RGB, 0 to 255."""

ERROR_COLORS = ((64, 208, 255), (255, 225, 77), (255, 77, 94))
MIN_ERROR, MAX_ERROR = 0.01, 0.08  # expected errors, relative to the size of the face, at the blue and the red end
# Visible on skin of any color and on a dark background. Both sides of the face have the same color.
REGION_COLORS = {
    "jaw": (96, 190, 255),
    "brow": (255, 196, 61),
    "nose": (120, 230, 140),
    "eye": (240, 240, 255),
    "mouth": (255, 106, 136),
}
OTHER_COLORS = ((80, 225, 215), (200, 150, 255), (255, 150, 80), (170, 220, 60))  # for other regions, in turn
TEXT_COLOR = (255, 255, 255)

UNCERTAIN_ERROR = 0.05  # a point with a larger expected error, relative to the face, is faint if colored by region
MIN_TRIANGLE_HEIGHT = 0.06  # of the longest side; flatter triangles of a mesh would look like one line
SMALL_FACE = 100  # pixels; smaller faces have no dark edges
HERSHEY_HEIGHT = 21  # height of OpenCV's capital letters at scale 1, pixels
FONT = cv2.FONT_HERSHEY_DUPLEX


@dataclass(frozen=True)
class Label:
    """A text beside a face.

    Attributes:
        text: The text.
        center: Its center (2,), pixels.
        height: Height of its letters, pixels.
        color: Its color.
    """

    text: str
    center: np.ndarray
    height: float
    color: Color


@dataclass(frozen=True)
class FaceMarks:
    """The marks of one face.

    Attributes:
        points: Float64 (N, 2), pixels; NaN for points that are not drawn.
        colors: The color of each point.
        is_hollow: Bool (N,), points that are probably hidden.
        is_faint: Bool (N,), uncertain points whose color does not show the expected error.
        lines: Pairs of points that are connected.
        line_colors: The color of each line.
        line_width: Pixels.
        radius: Of a point, pixels.
        has_edge: Whether points and lines have a dark edge.
        labels: The texts.
    """

    points: np.ndarray
    colors: Sequence[Color]
    is_hollow: np.ndarray
    is_faint: np.ndarray
    lines: Sequence[tuple[int, int]]
    line_colors: Sequence[Color]
    line_width: int
    radius: float
    has_edge: bool
    labels: Sequence[Label]

    @property
    def hollow_radius(self) -> float:
        """The radius of a hollow point, which must be large enough to show its center."""
        return max(1.6 * self.radius, 2.2)

    def is_line_faint(self) -> np.ndarray:
        """Return bool (L,), the lines with an uncertain end."""
        ends = np.array(self.lines, int).reshape(-1, 2)
        return self.is_faint[ends].any(1)


def check_drawing(style: str, color: str) -> None:
    """Check the arguments of a drawing.

    Raises:
        ArgumentError: If one of them is unknown.
    """
    for name, value, allowed in (("style", style, STYLES), ("color", color, COLORINGS)):
        if value not in allowed:
            raise ArgumentError(f"unknown {name} {value!r}; expected one of {', '.join(allowed)}")


def face_marks(face: Face, style: str, color: str, max_size: float) -> FaceMarks | None:
    """Return the marks of a face; None if none of its points are finite.

    Args:
        face: The face.
        style: One of `STYLES`.
        color: One of `COLORINGS`.
        max_size: Size in pixels above which lines do not grow with the face.
    """
    finite = np.isfinite(face.points).all(1)
    if not finite.any():
        return None
    side = max(box_side(points_box(face.points)), 1.0)
    points = np.where(finite[:, None], face.points, np.nan).astype(np.float64)
    errors = np.asarray(face.expected_errors, np.float64) / side
    colors = region_colors(face.scheme) if color == "region" else [_error_color(error) for error in errors.tolist()]
    lines = [(a, b) for a, b in _style_lines(face, style) if finite[a] and finite[b]]
    scale = min(side, max_size)
    radius = max(0.75, scale / 130)
    labels = _number_labels(face, points, colors, scale, radius) if style == "numbers" else []
    if face.track is not None:
        labels.append(_track_label(face, scale))
    return FaceMarks(
        points=points,
        colors=colors,
        is_hollow=np.zeros(len(points), bool) if face.visible is None else ~face.visible,
        is_faint=(errors > UNCERTAIN_ERROR) & (color == "region"),
        lines=lines,
        line_colors=[
            colors[a] if color == "region" else _error_color(float(errors[a] + errors[b]) / 2) for a, b in lines
        ],
        line_width=max(1, round(scale / 220)),
        radius=radius,
        has_edge=side >= SMALL_FACE,
        labels=labels,
    )


def _style_lines(face: Face, style: str) -> list[tuple[int, int]]:
    if style == "points":
        return []
    return mesh_edges(face.scheme, face.points) if style == "mesh" else segments(face.scheme)


def segments(scheme: Scheme) -> list[tuple[int, int]]:
    """Return the pairs of points that the lines of a scheme connect."""
    return [pair for line in scheme.lines for pair in pairwise(line)]


def mesh_edges(scheme: Scheme, points: np.ndarray) -> list[tuple[int, int]]:
    """Return the edges of the Delaunay triangles of the mean face, or of ``points`` for a scheme without one."""
    return list(_mean_face_edges(scheme.name)) if scheme.name in SCHEMES else _delaunay_edges(points)


@lru_cache(maxsize=16)
def _mean_face_edges(name: str) -> tuple[tuple[int, int], ...]:
    return tuple(_delaunay_edges(mean_shape(get_scheme(name)) * 1000))


def _delaunay_edges(points: np.ndarray) -> list[tuple[int, int]]:
    points = np.asarray(points, np.float32)
    indices = {tuple(point): i for i, point in enumerate(points.tolist()) if np.isfinite(point).all()}
    if len(indices) < 3:
        return []
    low, high = np.min(list(indices), 0), np.max(list(indices), 0)
    subdivision = cv2.Subdiv2D((*np.floor(low - 1).astype(int).tolist(), *np.ceil(high - low + 3).astype(int).tolist()))
    subdivision.insert([(x, y) for x, y in indices])
    edges: set[tuple[int, int]] = set()
    for corners in np.reshape(subdivision.getTriangleList(), (-1, 3, 2)).astype(np.float32):
        sides = np.linalg.norm(corners - np.roll(corners, 1, 0), axis=1)
        if 2 * cv2.contourArea(corners) < MIN_TRIANGLE_HEIGHT * sides.max() ** 2:
            continue
        known = [indices[x, y] for x, y in corners.tolist() if (x, y) in indices]
        edges |= {(min(i, j), max(i, j)) for i, j in combinations(known, 2)}
    return sorted(edges)


def _error_color(error: float) -> Color:
    """Return the color of an expected error relative to the size of the face, on a logarithmic scale.

    An unknown error is blue.
    """
    known = MIN_ERROR if math.isnan(error) else min(max(error, MIN_ERROR), MAX_ERROR)
    t = 2 * math.log(known / MIN_ERROR) / math.log(MAX_ERROR / MIN_ERROR)
    first, second = ERROR_COLORS[:2] if t < 1 else ERROR_COLORS[1:]
    red, green, blue = (round(a + (t - (t >= 1)) * (b - a)) for a, b in zip(first, second, strict=True))
    return red, green, blue


def region_colors(scheme: Scheme) -> list[Color]:
    """Return the color of each point by its region; left_eye and right_eye have the color of eye."""
    colors: list[Color] = [OTHER_COLORS[0]] * len(scheme)
    num_others = 0
    for region, ids in scheme.regions.items():
        color = REGION_COLORS.get(region.removeprefix("left_").removeprefix("right_"))
        if color is None:
            color, num_others = OTHER_COLORS[num_others % len(OTHER_COLORS)], num_others + 1
        for i in ids:
            colors[i] = color
    return colors


def _number_labels(face: Face, points: np.ndarray, colors: Sequence[Color], scale: float, radius: float) -> list[Label]:
    """Return the numbers of the points; those without room near their point are left out."""
    height = float(np.clip(scale / 45, 6, 30))
    sizes = np.array([text_size(str(i), height) for i in range(len(points))])
    placed = np.where(np.isfinite(points), points, 1e6)  # missing points are far away from all labels
    centers = place_near_labels(face.scheme, placed, sizes, radius + 2)
    shown = np.isfinite(points).all(1) & np.isfinite(centers).all(1)
    return [Label(str(i), centers[i], height, colors[i]) for i in np.flatnonzero(shown).tolist()]


def _track_label(face: Face, scale: float) -> Label:
    """Return the number of the track, above the left corner of the face."""
    text, height = f"#{face.track}", float(np.clip(scale / 14, 9, 30))
    x0, y0 = points_box(face.points)[:2]
    return Label(text, np.array([x0 + text_size(text, height)[0] / 2, y0 - 1.2 * height]), height, TEXT_COLOR)


def text_size(text: str, height: float) -> tuple[int, int]:
    """Return width and height of a text in pixels."""
    (width, text_height), _ = cv2.getTextSize(text, FONT, height / HERSHEY_HEIGHT, 1)
    return width, text_height
