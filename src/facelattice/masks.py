"""Masks of the parts of a face, drawn from its landmarks.

Example:
    lips = face_mask(face.points, face.scheme, image.shape, "lips", soft_edge=4)  # uint8 (H, W), 0 to 255
    image = np.where(lips[..., None] > 127, color, image)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from facelattice.exceptions import ArgumentError, SchemeError
from facelattice.schemes import SCHEMES, Scheme

BROW_THICKNESS = 0.22  # fraction of the length of a brow, for schemes with one line of points on a brow
FOREHEAD_HEIGHT = 0.9  # fraction of the distance from the base of the nose to the brows
HAIRLINE_SHARE = 0.4  # fraction of the way from the ends of the jaw to the root of the nose, as foreheads slope back
_SHIFT = 4  # OpenCV draws in units of 1/16 pixel


def face_mask(
    points: np.ndarray,
    scheme: Scheme,
    shape: Sequence[int],
    region: str = "face",
    forehead: bool = False,
    soft_edge: float = 0.0,
) -> np.ndarray:
    """Draw the mask of a region of a face.

    Regions:
        face: The convex hull of all points.
        skin: The face without eyes, brows, lips and the inside of the mouth.
        eyes, left_eye, right_eye, brows, left_brow, right_brow, nose: These parts. Left and right are the image's.
        lips, inner_mouth, mouth: The lips, the opening between them, and both.

    Args:
        points: Points (N, 2) in pixels of the image.
        scheme: Meaning of the points.
        shape: Height and width of the mask, or the shape of an image.
        region: One of `REGIONS`.
        forehead: For "face" and "skin": add the forehead. Landmarks end at the brows, so it is extrapolated from the
            length of the face, up to about the hairline.
        soft_edge: Width in pixels of the soft edge, half of it inside the region; 0 for a sharp one.

    Returns:
        Uint8 (H, W), 0 outside and 255 inside.

    Raises:
        ArgumentError: If an argument has a value that is not allowed, or needed points are not finite.
        SchemeError: If the scheme lacks points that the region needs; the message names their part.
    """
    if region not in REGIONS:
        raise ArgumentError(f"unknown region {region!r}; expected one of {', '.join(REGIONS)}")
    if len(shape) < 2 or min(shape[:2]) < 1:
        raise ArgumentError(f"expected a shape (height, width) of at least one pixel, not {tuple(shape)}")
    if not 0 <= soft_edge < np.inf:
        raise ArgumentError(f"expected a finite soft_edge of at least 0 pixels, not {soft_edge}")
    if forehead and region not in ("face", "skin"):
        raise ArgumentError(f'forehead is for the regions "face" and "skin", not {region!r}')
    canvas = _Canvas(np.asarray(points, np.float64), scheme, region, (int(shape[0]), int(shape[1])))
    mask = _face(canvas, forehead) if region == "face" else REGIONS[region](canvas)
    if region == "skin":
        mask = cv2.min(_face(canvas, forehead), mask)
    if soft_edge > 0:  # 95 % of the change of a Gaussian are within two standard deviations
        mask = cv2.GaussianBlur(mask, (0, 0), soft_edge / 4, borderType=cv2.BORDER_REPLICATE)
    return mask


class _Canvas:
    """Draws polygons of a face into masks.

    Args:
        points: Points (N, 2).
        scheme: Meaning of the points.
        region: Name of the region, for messages.
        shape: Height and width of the masks.
    """

    def __init__(self, points: np.ndarray, scheme: Scheme, region: str, shape: tuple[int, int]) -> None:
        self.points, self.scheme, self.region, self.shape = points, scheme, region, shape

    def fill(self, polygon: np.ndarray) -> np.ndarray:
        """Return the mask of a polygon (n, 2)."""
        if not np.isfinite(polygon).all():
            raise ArgumentError(f"the region {self.region!r} needs points that are not finite")
        mask = np.zeros(self.shape, np.uint8)
        corners = np.round(np.clip(polygon, -30_000, 30_000) * 2**_SHIFT).astype(np.int32)
        return cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, _SHIFT)

    def part(self, name: str, min_points: int = 1) -> np.ndarray:
        """Return the points (n, 2) of a part of the face."""
        ids = self.scheme.regions.get(name, [])
        if len(ids) < min_points:
            raise self._error(
                f"at least {min_points} points of {name}", len(ids), f"under regions, {name}: [names of its points]"
            )
        return self.points[ids]

    def outlines(self, name: str) -> list[np.ndarray]:
        """Return the closed lines (n, 2) of a part of the face, the largest first."""
        ids = set(self.scheme.regions.get(name, []))
        lines = [line[:-1] for line in self.scheme.lines if len(line) > 3 and line[0] == line[-1] and set(line) <= ids]
        return sorted((self.points[list(line)] for line in lines), key=_area, reverse=True)

    def outline(self, name: str, number: int = 0) -> np.ndarray:
        """Return a closed line (n, 2) of a part of the face: 0 for the outer one, 1 for the inner one."""
        lines = self.outlines(name)
        if len(lines) <= number:
            raise self._error(
                f"{'an inner' if number else 'an'} outline of {name}", "none",
                f"under lines, {'a second' if number else 'a'} closed line, which ends with its first point, and under "
                f"regions, {name}: [names of its points]",
            )  # fmt: skip
        return lines[number]

    def _error(self, needed: str, found: object, missing: str) -> SchemeError:
        advice = "" if self.scheme.name in SCHEMES else f"; add to its YAML file, {missing}"
        return SchemeError(
            f"the region {self.region!r} needs {needed}, but the scheme {self.scheme.name!r} has {found}{advice}"
        )


def _area(polygon: np.ndarray) -> float:
    x, y = polygon.T
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2)


def _hull(points: np.ndarray) -> np.ndarray:
    return cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float64)


def _face(canvas: _Canvas, forehead: bool) -> np.ndarray:
    canvas.part("jaw", min_points=5)
    points = canvas.points
    if forehead:
        points = np.concatenate([points, _forehead(canvas)])
    return canvas.fill(_hull(points) if np.isfinite(points).all() else points)


def _forehead(canvas: _Canvas) -> np.ndarray:
    """Return points of a half ellipse from one end of the jaw over the middle of the hairline to the other.

    On a turned face, the middle of the hairline is nearer to the front than the middle between the ends of the jaw. So
    the ellipse is sheared: it rises from the front brow, and leaves out the hair behind the temple. Its height follows
    the rule of thirds: the forehead is about as long as the part from the brows to the base of the nose.
    """
    jaw, nose = canvas.part("jaw", min_points=5), canvas.part("nose")
    left_brow, right_brow = canvas.part("left_brow"), canvas.part("right_brow")
    brows, between = np.concatenate([left_brow, right_brow]), right_brow.mean(0) - left_brow.mean(0)
    chin = jaw[np.argmax(sum(np.linalg.norm(jaw - end, axis=1) for end in (jaw[0], jaw[-1])))]
    center = (jaw[0] + jaw[-1]) / 2
    root = nose[np.argmax(np.linalg.norm(nose - chin, axis=1))]  # of the nose
    # From the chin to the root of the nose, and at a right angle to the brows. On a turned face that looks up or down,
    # the two lean to different sides.
    up = root - chin + np.array([between[1], -between[0]])
    up /= max(float(np.linalg.norm(up)), 1e-6)
    along = np.array([-up[1], up[0]])
    brow_height = brows.mean(0) @ up
    height = brow_height - center @ up + FOREHEAD_HEIGHT * (brow_height - (nose @ up).min())
    shear = HAIRLINE_SHARE * ((root - center) @ along)
    angles = np.linspace(0, np.pi, 19)[:, None]
    curve = center + np.cos(angles) * (jaw[-1] - jaw[0]) / 2 + np.sin(angles) * (max(height, 0.0) * up + shear * along)
    # Foreheads do not bulge over the front brow.
    limits = np.concatenate([jaw[[0, -1]], brows]) @ along
    places = curve @ along
    return curve + (np.clip(places, limits.min(), limits.max()) - places)[:, None] * along


def _brow(name: str) -> Callable[[_Canvas], np.ndarray]:
    def draw(canvas: _Canvas) -> np.ndarray:
        if canvas.outlines(name):
            return canvas.fill(canvas.outline(name))
        line = canvas.part(name, min_points=3)
        length = float(np.linalg.norm(line[-1] - line[0]))
        along = np.gradient(line, axis=0)
        normals = np.stack([-along[:, 1], along[:, 0]], 1) / np.maximum(np.linalg.norm(along, axis=1), 1e-6)[:, None]
        taper = np.sin(np.linspace(0.15, 0.85, len(line)) * np.pi)[:, None]  # brows are thinner at their ends
        offset = BROW_THICKNESS / 2 * length * taper * normals
        return canvas.fill(np.concatenate([line + offset, (line - offset)[::-1]]))

    return draw


def _eye(name: str) -> Callable[[_Canvas], np.ndarray]:
    return lambda canvas: canvas.fill(canvas.outline(name))


def _union(*parts: Callable[[_Canvas], np.ndarray]) -> Callable[[_Canvas], np.ndarray]:
    def draw(canvas: _Canvas) -> np.ndarray:
        mask = parts[0](canvas)
        for part in parts[1:]:
            mask = cv2.max(mask, part(canvas))
        return mask

    return draw


def _mouth(canvas: _Canvas) -> np.ndarray:
    return canvas.fill(canvas.outline("mouth"))


def _inner_mouth(canvas: _Canvas) -> np.ndarray:
    return canvas.fill(canvas.outline("mouth", 1))


def _lips(canvas: _Canvas) -> np.ndarray:
    return cv2.min(_mouth(canvas), 255 - _inner_mouth(canvas))


def _nose(canvas: _Canvas) -> np.ndarray:
    return canvas.fill(_hull(canvas.part("nose", min_points=3)))


_EYES, _BROWS = _union(_eye("left_eye"), _eye("right_eye")), _union(_brow("left_brow"), _brow("right_brow"))


def _around_parts(canvas: _Canvas) -> np.ndarray:
    return 255 - _union(_EYES, _BROWS, _mouth)(canvas)


REGIONS: dict[str, Callable[[_Canvas], np.ndarray]] = {
    "face": lambda canvas: _face(canvas, False),
    "skin": _around_parts,
    "eyes": _EYES,
    "left_eye": _eye("left_eye"),
    "right_eye": _eye("right_eye"),
    "brows": _BROWS,
    "left_brow": _brow("left_brow"),
    "right_brow": _brow("right_brow"),
    "nose": _nose,
    "mouth": _mouth,
    "lips": _lips,
    "inner_mouth": _inner_mouth,
}
"""The regions of `face_mask` and the functions that draw them."""
