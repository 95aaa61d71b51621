"""Landmarks on the mesh: the 98 points of WFLW, the visible outline of the face, and the 68 points of iBUG.

The positions were chosen by eye on the frontal view of the average head, like annotations of 300-W and WFLW. No
annotation of a real face was used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from facelattice_synthetic.assets import EYE_VERTICES, Assets, Part
from facelattice_synthetic.camera import Camera
from facelattice_synthetic.head import AVERAGE, NEUTRAL, build_head
from facelattice_synthetic.pose import TO_CAMERA
from facelattice_synthetic.rasterizer import OPAQUE, draw_triangles, interpolate_uv
from facelattice_synthetic.ray_casting import farthest_hits

TO_68 = np.array([*range(0, 33, 2), *range(33, 38), *range(42, 47), *range(51, 60), 60, 61, 63, 64, 65, 67,
                  68, 69, 71, 72, 73, 75, *range(76, 96)])  # fmt: skip
"""For each of the 68 points of iBUG, the point of WFLW."""
NUM_JAW = 33
# Frontal view of the average head: x to the right of the image, y up, in decimeters. The right half is mirrored.
PLACES = {
    51: (0, 7.325), 52: (0, 7.215), 53: (0, 7.1), 54: (0, 6.985), 55: (-0.14, 6.922), 56: (-0.073, 6.905),
    57: (0, 6.893), 60: (-0.416, 7.345), 61: (-0.363, 7.38), 62: (-0.3, 7.386), 63: (-0.235, 7.375),
    64: (-0.172, 7.322), 65: (-0.234, 7.305), 66: (-0.3, 7.3), 67: (-0.363, 7.303),
    76: (-0.22, 6.677), 77: (-0.133, 6.752), 78: (-0.05, 6.78), 79: (0, 6.77), 85: (0, 6.548), 86: (-0.088, 6.556),
    87: (-0.162, 6.592), 88: (-0.2155, 6.6785), 89: (-0.1, 6.696), 90: (0, 6.691), 94: (0, 6.676), 95: (-0.1, 6.679),
}  # fmt: skip
MIRRORED = {55: 59, 56: 58, 60: 72, 61: 71, 62: 70, 63: 69, 64: 68, 65: 75, 66: 74, 67: 73, 76: 82, 77: 81, 78: 80,
            86: 84, 87: 83, 88: 92, 89: 91, 95: 93}  # fmt: skip
BROW_SHARES = (0.03, 0.25, 0.5, 0.75, 0.97)  # positions along a brow from its outer end, as fractions of its length
# Left and right in the image: outer end, upper edge inwards, lower edge outwards.
LEFT_BROW = (33, 34, 35, 36, 37, 38, 39, 40, 41)
RIGHT_BROW = (46, 45, 44, 43, 42, 50, 49, 48, 47)
PUPILS = (96, 97)
# The outline is searched on a fan of lines on the skin, from the front of the face backwards. They lie in planes
# through the z axis at this point. A line has an angle about the axis; its points have angles to the axis.
FAN_CENTER = np.array([0, 6.95, 0.95])
NUM_LINES, NUM_STEPS = 65, 24
FAN_TOP = 31.0  # degrees above the horizontal, of the first and last line
FAN_FRONT = 38.0  # degrees to the axis where the lines begin
# Degrees under the horizontal, and degrees to the axis where a line ends: before the ear, at the lower edge of the jaw.
FAN_BACK = ((-31.0, 113.0), (0.0, 116.0), (31.0, 112.0), (53.0, 93.0), (69.0, 77.0), (90.0, 70.0))


@dataclass(frozen=True)
class SurfacePoints:
    """Points on the triangles of a mesh.

    Attributes:
        corners: int (N, 3), vertices.
        barycentric: (N, 3), coordinates in the triangles.
    """

    corners: np.ndarray
    barycentric: np.ndarray

    def locate(self, vertices: np.ndarray) -> np.ndarray:
        """Return the points (N, 3) for the vertices (V, 3) of a mesh."""
        return np.einsum("nk,nkc->nc", self.barycentric, vertices[self.corners])


class LandmarkModel:
    """Positions of all landmarks on the meshes.

    Args:
        assets: The 3D assets.

    Attributes:
        numbers: int (N,), numbers in WFLW of the points with fixed places on the skin.
        fixed: These points.
        brows: By the name of a brow, its 18 points, on the mesh of the brow.
    """

    def __init__(self, assets: Assets) -> None:
        base = build_head(assets, AVERAGE, NEUTRAL)
        skin = assets.skin_matrix @ base
        numbers, places = zip(*_all_places().items(), strict=True)
        self.numbers = np.array(numbers)
        origins = np.column_stack([np.array(places, float), np.zeros(len(places))])
        self.fixed = _farthest(skin, assets.skin_triangles, origins, np.tile([0.0, 0, 1], (len(places), 1)))
        self.angles = np.radians(np.linspace(180 - FAN_TOP, 360 + FAN_TOP, NUM_LINES))
        from_horizontal = np.degrees(np.abs(self.angles - 1.5 * np.pi))
        ends = np.interp(90 - from_horizontal, *np.array(FAN_BACK).T)
        steps = np.radians(FAN_FRONT + np.linspace(0, 1, NUM_STEPS) * (ends[:, None] - FAN_FRONT))
        directions = np.stack(
            [np.cos(self.angles)[:, None] * np.sin(steps), np.sin(self.angles)[:, None] * np.sin(steps), np.cos(steps)],
            2,
        ).reshape(-1, 3)
        self.fan = _farthest(skin, assets.skin_triangles, np.tile(FAN_CENTER, (len(directions), 1)), directions)
        self.brows = {name: _brow_points(part, base) for name, part in assets.brows.items()}

    def locate(
        self, base: np.ndarray, skin: np.ndarray, brows: np.ndarray, brow_name: str, gaze: tuple[float, float]
    ) -> np.ndarray:
        """Return all points but the jaw (65, 3): those of `numbers`, the brows, the pupils.

        Args:
            base: (V, 3), vertices of the base mesh.
            skin: (W, 3), vertices of the skin.
            brows: (B, 3), vertices of the brows.
            brow_name: Name of the brows.
            gaze: Yaw and pitch of the eyes in degrees.
        """
        direction = Rotation.from_euler("YX", gaze, degrees=True).apply([0.0, 0, 1])
        return np.concatenate([self.fixed.locate(skin), self.brows[brow_name].locate(brows), pupils(base, direction)])

    def add_outline(self, points: np.ndarray, skin: np.ndarray, camera: Camera, rotation: Rotation) -> np.ndarray:
        """Return all points before the camera (98, 3), in the order of WFLW.

        Args:
            points: (65, 3), the points of `locate` before the camera.
            skin: (W, 3), vertices of the skin before the camera.
            camera: The camera.
            rotation: Rotation of the head.
        """
        right = rotation.as_matrix()[:2, 0] * TO_CAMERA[:2]
        numbers = [*range(NUM_JAW), *self.numbers, *LEFT_BROW, *RIGHT_BROW, *PUPILS]
        return np.concatenate([self._outline(skin, camera, right), points])[np.argsort(numbers)]

    def _outline(self, skin: np.ndarray, camera: Camera, right: np.ndarray) -> np.ndarray:
        """Return the 33 points of the jaw (33, 3), on the visible outline of the face.

        Args:
            skin: Vertices (V, 3) of the skin before the camera.
            camera: The camera.
            right: (2,), the head's sideways axis in the image, which is to the right for an upright head.
        """
        points = self.fan.locate(skin).reshape(NUM_LINES, NUM_STEPS, 3)
        pixels = camera.project(points.reshape(-1, 3)).reshape(NUM_LINES, NUM_STEPS, 2)
        right = right / np.linalg.norm(right)
        up = np.array([right[1], -right[0]])
        outwards = np.cos(self.angles)[:, None] * right + np.sin(self.angles)[:, None] * up
        farthest = np.argmax(np.einsum("lsc,lc->ls", pixels, outwards), 1)
        line = gaussian_filter1d(points[np.arange(NUM_LINES), farthest], 1.0, axis=0, mode="nearest")
        half = NUM_LINES // 2
        left = _resample(line[: half + 1], camera, NUM_JAW // 2 + 1)
        return np.concatenate([left[:-1], _resample(line[half:], camera, NUM_JAW // 2 + 1)])


def pupils(base: np.ndarray, gaze: np.ndarray) -> np.ndarray:
    """Return the centers of the pupils (2, 3), first the one at the left of the image.

    Args:
        base: (V, 3), vertices of the base mesh.
        gaze: (3,), unit direction of both eyes.
    """
    points = []
    for half in (base[EYE_VERTICES][72:], base[EYE_VERTICES][:72]):
        center, radius = (half.min(0) + half.max(0)) / 2, np.ptp(half[:, 0]) / 2
        points.append(center + radius * gaze)
    return np.array(points)


def _all_places() -> dict[int, tuple[float, float]]:
    """Return the places of the points on both sides by their numbers."""
    return PLACES | {other: (-PLACES[number][0], PLACES[number][1]) for number, other in MIRRORED.items()}


def _farthest(
    vertices: np.ndarray, triangles: np.ndarray, origins: np.ndarray, directions: np.ndarray
) -> SurfacePoints:
    """Return the farthest points (N, 3) of the face on rays from origins (N, 3)."""
    near = (vertices[triangles, 1] > 5.9).all(1) & (vertices[triangles, 2] > 0.3).all(1)
    found, barycentric = farthest_hits(vertices, triangles[near], origins.astype(float), directions.astype(float))
    return SurfacePoints(triangles[near][found], barycentric)


def _brow_points(part: Part, base: np.ndarray, scale: float = 900.0) -> SurfacePoints:
    """Return the 18 points of both brows on the mesh of a brow: those of `LEFT_BROW`, then those of `RIGHT_BROW`.

    The points lie on the edge of the hair in the texture, as seen from the front.

    Args:
        part: The brow.
        base: (V, 3), vertices of the average base mesh.
        scale: Pixels per decimeter of the frontal view.
    """
    vertices = part.proxy.fit(base)
    corner = np.array([-0.75, 7.9])
    pixels = ((vertices[:, :2] - corner) * [scale, -scale]).astype(np.float32)
    height, width = int(0.8 * scale), int(1.5 * scale)
    depth, ids = np.zeros((height, width), np.float32), np.full((height, width), -1, np.int32)
    barycentric = np.zeros((height, width, 2), np.float32)
    inverse_depth = (1 / (20 - vertices[:, 2])).astype(np.float32)
    draw_triangles(pixels, inverse_depth, part.triangles, part.uv, OPAQUE, 0, depth, ids, barycentric)
    uv = interpolate_uv(part.uv, ids, barycentric)
    rows, columns = part.texture.shape[:2]
    alpha = part.texture[(uv[..., 1] * rows).astype(int) % rows, (uv[..., 0] * columns).astype(int) % columns, 3]
    hair = (alpha > 70) & (ids >= 0)
    corners, weights = [], []
    for mirrored, side in enumerate((hair[:, : width // 2], hair[:, : width // 2 - 1 : -1])):
        columns_used = np.flatnonzero(side.sum(0) >= 2)
        ends = np.array([columns_used[0], columns_used[-1]])
        found = {}
        for share in BROW_SHARES:
            x = round(float(ends[0] + share * (ends[1] - ends[0])))
            window = np.flatnonzero(side[:, max(0, x - 8) : x + 9].any(1))
            found[share] = (x, window[0], window[-1])
        outer = found[BROW_SHARES[0]]
        brow_pixels = [(outer[0], (outer[1] + outer[2]) // 2)]
        brow_pixels += [(found[share][0], found[share][1]) for share in BROW_SHARES[1:]]
        brow_pixels += [(found[share][0], found[share][2]) for share in reversed(BROW_SHARES[1:])]
        for x, y in brow_pixels:
            column = width - 1 - x if mirrored else x
            y, column = _nearest(ids, int(y), int(column))
            b, c = barycentric[y, column]
            corners.append(part.triangles[ids[y, column]])
            weights.append([1 - b - c, b, c])
    return SurfacePoints(np.array(corners), np.array(weights, float))


def _nearest(ids: np.ndarray, y: int, x: int) -> tuple[int, int]:
    """Return the pixel of the mesh that is nearest to a pixel."""
    rows, columns = np.nonzero(ids >= 0)
    best = np.argmin((rows - y) ** 2 + (columns - x) ** 2)
    return int(rows[best]), int(columns[best])


def _resample(line: np.ndarray, camera: Camera, count: int) -> np.ndarray:
    """Return points on a line (K, 3) at equal distances in the image."""
    lengths = np.linalg.norm(np.diff(camera.project(line), axis=0), axis=1)
    along = np.concatenate([[0], np.cumsum(lengths + 1e-6)])
    wanted = np.linspace(0, along[-1], count)
    return np.stack([np.interp(wanted, along, line[:, k]) for k in range(3)], 1)
