"""Images of results: faces drawn over the photo that they were found in, and a scheme's points with their numbers.

    image = draw_faces(image, FaceAligner()(image))
    chart = draw_scheme(get_scheme("wflw98"))
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import cv2
import numpy as np

from facelattice.face import Face
from facelattice.geometry import box_side, points_box
from facelattice.schemes import Scheme, get_scheme, mean_shape

# RGB, bright enough for skin of any color and for a dark ground; the sides of a face share a color.
COLORS = {
    "jaw": (96, 190, 255),
    "brow": (255, 196, 61),
    "nose": (120, 230, 140),
    "eye": (240, 240, 255),
    "mouth": (255, 106, 136),
}
OTHER_COLORS = [(80, 225, 215), (200, 150, 255), (255, 150, 80), (170, 220, 60)]  # for regions of your own, in turn
DARK = (20, 22, 28)

UNSURE = 0.05  # an expected error above this share of the face's size is drawn as unsure
_SHIFT = 4  # OpenCV draws in 1/16 pixels
_FONT = cv2.FONT_HERSHEY_DUPLEX


def draw_faces(image: np.ndarray, faces: Iterable[Face]) -> np.ndarray:
    """The faces drawn over a copy of the image, uint8 RGB (H, W, 3).

    Lines follow the scheme, colored by region, as wide as the face's size asks. A point whose expected error is above
    5 % of the face's size is drawn hollow, and the lines to it fainter; points that are not finite are left out.
    """
    canvas = np.array(image, dtype=np.uint8, order="C")
    for face in faces:
        finite = np.isfinite(face.points).all(1)
        if finite.any():
            _draw_face(canvas, face, finite)
    return canvas


def _draw_face(canvas: np.ndarray, face: Face, finite: np.ndarray) -> None:
    box = points_box(face.points)
    side = max(box_side(box), 1.0)
    scale = min(side, 2.0 * max(canvas.shape))  # a face far larger than the image takes no wider line
    width, radius = max(1, round(scale / 220)), max(0.8, scale / 130)
    # Only the part of the image under the face is blended, so that many faces in a large photo stay cheap.
    pad = 3 * width + radius
    x0, y0 = np.clip(np.floor(box[:2] - pad), 0, canvas.shape[1::-1]).astype(int)
    x1, y1 = np.clip(np.ceil(box[2:] + pad) + 1, 0, canvas.shape[1::-1]).astype(int)
    if x0 >= x1 or y0 >= y1:
        return
    part = canvas[y0:y1, x0:x1]
    points = np.where(finite[:, None], face.points, 0) - [x0, y0]
    sure = ~(face.expected_errors > UNSURE * side)
    colors = _colors(face.scheme)
    segments = [(a, b) for a, b in _segments(face.scheme) if finite[a] and finite[b]]
    for strength, wanted in ((0.4, False), (0.85, True)):
        chosen = [(a, b) for a, b in segments if sure[[a, b]].all() == wanted]
        layer = part.copy()
        for a, b in chosen:  # a dark edge first, for light backgrounds
            _line(layer, points[a], points[b], DARK, width + 2)
        cv2.addWeighted(layer, 0.4 * strength, part, 1 - 0.4 * strength, 0, dst=layer)
        under = layer.copy()
        for a, b in chosen:
            _line(layer, points[a], points[b], colors[a], width)
        part[:] = cv2.addWeighted(layer, strength, under, 1 - strength, 0)
    layer = part.copy()
    for i in np.flatnonzero(finite):
        if sure[i]:
            _dot(layer, points[i], radius + 0.35 * width, DARK)
            _dot(layer, points[i], radius, colors[i])
        else:
            _dot(layer, points[i], 1.5 * radius, colors[i], max(1, width - 1))
    part[:] = layer


def draw_scheme(scheme: Scheme, size: int = 900) -> np.ndarray:
    """The scheme's mean face with its lines and the number of each point, uint8 RGB (size, size, 3).

    Raises ValueError for a scheme that is not built in: it has no mean face.
    """
    fine = 3 * size  # drawn three times as large and averaged down: smooth lines and letters
    unit = fine / 900

    def place(shape: np.ndarray) -> np.ndarray:
        return fine * (0.07 + 0.86 * shape)

    canvas = np.full((fine, fine, 3), DARK, np.uint8)
    ghost = get_scheme("wflw98")
    shape = place(mean_shape(ghost))
    for a, b in _segments(ghost):  # a face to see the points on, where they are few
        _line(canvas, shape[a], shape[b], (46, 50, 60), round(2 * unit))
    points, colors = place(mean_shape(scheme)), _colors(scheme)
    for a, b in _segments(scheme):
        _line(canvas, points[a], points[b], tuple(c // 2 for c in colors[a]), round(1.6 * unit))
    for point, color in zip(points, colors, strict=True):
        _dot(canvas, point, 3.6 * unit, color)
    texts = [str(i) for i in range(len(scheme))]
    scale, weight = (0.42 if len(scheme) > 40 else 0.6) * unit, max(1, round(unit))
    boxes = np.array([cv2.getTextSize(text, _FONT, scale, weight)[0] for text in texts], float)
    for text, center, (w, h) in zip(texts, _place_labels(scheme, points, boxes, 5.5 * unit), boxes, strict=True):
        corner = (round(center[0] - w / 2), round(center[1] + h / 2))
        cv2.putText(canvas, text, corner, _FONT, scale, (232, 236, 244), weight, cv2.LINE_AA)
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)


def _place_labels(scheme: Scheme, points: np.ndarray, boxes: np.ndarray, gap: float) -> np.ndarray:
    """Centers (N, 2) for labels of width and height ``boxes`` (N, 2): near their points, off points, labels, lines."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    around = np.stack([np.cos(angles), np.sin(angles)], 1)
    rings = np.array([1.0, 1.5, 2.2, 3.2, 4.5])[:, None, None]
    # A label's near side, or near corner, is on a ring around its point.
    offsets = gap * rings * around + boxes[:, None, None] / 2 * np.clip(1.5 * around, -1, 1)
    candidates = points[:, None] + offsets.reshape(len(points), -1, 2)

    steps = np.linspace(0, 1, 10)[:, None]
    ink = np.array([points[a] + steps * (points[b] - points[a]) for a, b in _segments(scheme)]).reshape(-1, 2)
    outward = points - points.mean(0)  # away from the middle of the region looks calm and symmetric
    for ids in scheme.regions.values():
        if len(ids) > 1:
            outward[list(ids)] = points[list(ids)] - points[list(ids)].mean(0)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True) + gap

    half = boxes / 2 + gap / 4
    costs = []
    for i, places in enumerate(candidates):
        covered = (np.abs(places[:, None] - points) < half[i] + gap / 3).all(2).sum(1)
        crossed = (np.abs(places[:, None] - ink) < half[i]).all(2).reshape(len(places), -1, len(steps)).any(2).sum(1)
        nearest = np.linalg.norm(places[:, None] - points, axis=2).argmin(1)
        turned = np.tile(1 - around @ outward[i], len(rings))
        costs.append(12 * covered + 1.5 * crossed + 3 * (nearest != i) + turned + np.repeat(rings, len(around)))

    centers = np.full_like(points, np.inf)
    for _ in range(4):  # each label moves in turn to where it suits best among the others
        for i, places in enumerate(candidates):
            room = (half[i] + half - np.abs(places[:, None] - centers)).clip(0).prod(2) / boxes[i].prod()
            room[:, i] = 0
            centers[i] = places[(costs[i] + 40 * room.sum(1)).argmin()]
    return centers


def _segments(scheme: Scheme) -> list[tuple[int, int]]:
    return [pair for line in scheme.lines for pair in pairwise(line)]


def _colors(scheme: Scheme) -> list[tuple[int, int, int]]:
    """A color for each point, by its region; left_eye and right_eye are eyes."""
    colors = [OTHER_COLORS[0]] * len(scheme)
    others = 0
    for region, ids in scheme.regions.items():
        color = COLORS.get(region.removeprefix("left_").removeprefix("right_"))
        if color is None:
            color, others = OTHER_COLORS[others % len(OTHER_COLORS)], others + 1
        for i in ids:
            colors[i] = color
    return colors


def _fixed(value: np.ndarray) -> tuple[int, int]:
    """A point in the fixed-point numbers of OpenCV, held back to what its 32 bits can draw."""
    x, y = np.round(np.clip(value, -30000, 30000) * 2**_SHIFT).astype(int)
    return int(x), int(y)


def _line(canvas: np.ndarray, a: np.ndarray, b: np.ndarray, color: tuple[int, ...], width: int) -> None:
    cv2.line(canvas, _fixed(a), _fixed(b), color, width, cv2.LINE_AA, _SHIFT)


def _dot(canvas: np.ndarray, at: np.ndarray, radius: float, color: tuple[int, ...], width: int = cv2.FILLED) -> None:
    cv2.circle(canvas, _fixed(at), round(radius * 2**_SHIFT), color, width, cv2.LINE_AA, _SHIFT)
