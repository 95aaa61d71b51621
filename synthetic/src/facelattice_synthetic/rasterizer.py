"""Triangles in a z-buffer, and alpha blending of sorted triangles. Compiled by Numba; one core."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

OPAQUE = np.ones((1, 1), np.float32)
"""The opacity of a surface without holes, for `draw_triangles`."""


class ScreenTriangle(NamedTuple):
    """A triangle in the image: its corners a, b and c, and the pixels that it can cover.

    Attributes:
        ax: Pixel column of corner a; `ay` is its row. Likewise for b and c.
        wa: 1 / depth of corner a. Likewise for b and c.
        area: Twice the signed area in pixels.
        x0: First pixel column; `x1` is the last one. `y0` and `y1` are the rows. No pixels: `x1 < x0`.
    """

    ax: float
    ay: float
    bx: float
    by: float
    cx: float
    cy: float
    wa: float
    wb: float
    wc: float
    area: float
    x0: int
    x1: int
    y0: int
    y1: int


@numba.njit(cache=True, fastmath=True)
def _project_triangle(
    pixels: np.ndarray, inverse_depth: np.ndarray, triangles: np.ndarray, t: int, height: int, width: int
) -> ScreenTriangle:
    """Return triangle t. It covers no pixels if a corner is behind the camera, or if its area in the image is 0."""
    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    wa, wb, wc = inverse_depth[a], inverse_depth[b], inverse_depth[c]
    ax, ay, bx, by, cx, cy = pixels[a, 0], pixels[a, 1], pixels[b, 0], pixels[b, 1], pixels[c, 0], pixels[c, 1]
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    x0, x1, y0, y1 = 0, -1, 0, -1
    if wa > 0 and wb > 0 and wc > 0 and abs(area) >= 1e-9:
        x0, x1 = max(0, int(np.ceil(min(ax, bx, cx)))), min(width - 1, int(np.floor(max(ax, bx, cx))))
        y0, y1 = max(0, int(np.ceil(min(ay, by, cy)))), min(height - 1, int(np.floor(max(ay, by, cy))))
    return ScreenTriangle(ax, ay, bx, by, cx, cy, wa, wb, wc, area, x0, x1, y0, y1)


@numba.njit(cache=True, fastmath=True)
def _barycentric(triangle: ScreenTriangle, x: int, y: int) -> tuple[float, float, float]:
    """Return the barycentric coordinates of a pixel in the image; negative outside of the triangle."""
    ax, ay, area = triangle.ax, triangle.ay, triangle.area
    sb = ((x - ax) * (triangle.cy - ay) - (y - ay) * (triangle.cx - ax)) / area
    sc = ((triangle.bx - ax) * (y - ay) - (triangle.by - ay) * (x - ax)) / area
    return 1 - sb - sc, sb, sc


@numba.njit(cache=True, fastmath=True)
def draw_triangles(
    pixels: np.ndarray, inverse_depth: np.ndarray, triangles: np.ndarray, uv: np.ndarray, alpha: np.ndarray, first: int,
    depth: np.ndarray, triangle_ids: np.ndarray, barycentric: np.ndarray,
) -> None:  # fmt: skip
    """Draw triangles into a z-buffer.

    Args:
        pixels: float32 (V, 2), positions of the vertices in the image.
        inverse_depth: float32 (V,), 1 / depth, positive before the camera.
        triangles: int32 (T, 3).
        uv: float32 (T, 3, 2), texture coordinates.
        alpha: float32 (H, W), opacity. Pixels under 0.5 are not drawn. (1, 1) means opaque.
        first: Number of the first triangle, for `triangle_ids`.
        depth: float32 (S, S), largest 1 / depth so far; 0 is empty.
        triangle_ids: int32 (S, S), number of the nearest triangle.
        barycentric: float32 (S, S, 2), coordinates of the second and third corner, perspective-correct.
    """
    height, width = depth.shape
    rows, columns = alpha.shape
    masked = rows > 1
    for t in range(len(triangles)):
        triangle = _project_triangle(pixels, inverse_depth, triangles, t, height, width)
        for y in range(triangle.y0, triangle.y1 + 1):
            for x in range(triangle.x0, triangle.x1 + 1):
                sa, sb, sc = _barycentric(triangle, x, y)
                if sa < -1e-6 or sb < -1e-6 or sc < -1e-6:
                    continue
                w = sa * triangle.wa + sb * triangle.wb + sc * triangle.wc
                if w <= depth[y, x]:
                    continue
                pb, pc = sb * triangle.wb / w, sc * triangle.wc / w
                if masked:
                    pa = 1 - pb - pc
                    u = pa * uv[t, 0, 0] + pb * uv[t, 1, 0] + pc * uv[t, 2, 0]
                    v = pa * uv[t, 0, 1] + pb * uv[t, 1, 1] + pc * uv[t, 2, 1]
                    if alpha[int(v * rows) % rows, int(u * columns) % columns] < 0.5:
                        continue
                depth[y, x] = w
                triangle_ids[y, x] = first + t
                barycentric[y, x, 0] = pb
                barycentric[y, x, 1] = pc


@numba.njit(cache=True, fastmath=True)
def blend_triangles(
    pixels: np.ndarray, inverse_depth: np.ndarray, triangles: np.ndarray, uv: np.ndarray, texture: np.ndarray,
    light: np.ndarray, bias: float, depth: np.ndarray, color: np.ndarray, layer_opacity: np.ndarray,
    opacity: np.ndarray,
) -> None:  # fmt: skip
    """Blend triangles over an image, in their order, where they are in front of the z-buffer's surface.

    Args:
        pixels: float32 (V, 2), positions of the vertices in the image.
        inverse_depth: float32 (V,), 1 / depth.
        triangles: int32 (T, 3), from the back to the front.
        uv: float32 (T, 3, 2), texture coordinates.
        texture: float32 (H, W, 4), linear color and opacity.
        light: float32 (V, 4), factors of color and opacity at the vertices.
        bias: Relative depth by which the triangles are moved towards the camera.
        depth: float32 (S, S), 1 / depth of the opaque surfaces.
        color: float32 (S, S, 3), the image.
        layer_opacity: float32 (S, S), opacity of the blended triangles so far.
        opacity: float32 (S, S), opacity of surfaces and blended triangles so far.
    """
    height, width = depth.shape
    rows, columns = texture.shape[:2]
    for t in range(len(triangles)):
        triangle = _project_triangle(pixels, inverse_depth, triangles, t, height, width)
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        for y in range(triangle.y0, triangle.y1 + 1):
            for x in range(triangle.x0, triangle.x1 + 1):
                sa, sb, sc = _barycentric(triangle, x, y)
                # The comparisons differ, so that an edge of two triangles is drawn once.
                if sa < 0 or sb <= 0 or sc <= 0:
                    continue
                w = sa * triangle.wa + sb * triangle.wb + sc * triangle.wc
                if w * (1 + bias) <= depth[y, x]:
                    continue
                pa, pb, pc = sa * triangle.wa / w, sb * triangle.wb / w, sc * triangle.wc / w
                u = (pa * uv[t, 0, 0] + pb * uv[t, 1, 0] + pc * uv[t, 2, 0]) * columns - 0.5
                v = (pa * uv[t, 0, 1] + pb * uv[t, 1, 1] + pc * uv[t, 2, 1]) * rows - 0.5
                column, row = int(np.floor(u)), int(np.floor(v))
                fu, fv = u - column, v - row
                c0, c1, r0, r1 = column % columns, (column + 1) % columns, row % rows, (row + 1) % rows
                q00, q01, q10, q11 = (1 - fu) * (1 - fv), fu * (1 - fv), (1 - fu) * fv, fu * fv
                share = pa * light[a, 3] + pb * light[b, 3] + pc * light[c, 3]
                share *= (q00 * texture[r0, c0, 3] + q01 * texture[r0, c1, 3]
                          + q10 * texture[r1, c0, 3] + q11 * texture[r1, c1, 3])  # fmt: skip
                if share < 0.004:
                    continue
                for k in range(3):
                    value = (q00 * texture[r0, c0, k] + q01 * texture[r0, c1, k]
                             + q10 * texture[r1, c0, k] + q11 * texture[r1, c1, k])  # fmt: skip
                    value *= pa * light[a, k] + pb * light[b, k] + pc * light[c, k]
                    color[y, x, k] += share * (value - color[y, x, k])
                layer_opacity[y, x] += share * (1 - layer_opacity[y, x])
                opacity[y, x] += share * (1 - opacity[y, x])


@numba.njit(cache=True, fastmath=True)
def interpolate(
    triangles: np.ndarray, values: np.ndarray, triangle_ids: np.ndarray, barycentric: np.ndarray
) -> np.ndarray:
    """Return values at the vertices (V, K), interpolated over the visible triangles: float32 (S, S, K)."""
    height, width = triangle_ids.shape
    result = np.zeros((height, width, values.shape[1]), np.float32)
    for y in range(height):
        for x in range(width):
            t = triangle_ids[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            pb, pc = barycentric[y, x, 0], barycentric[y, x, 1]
            for k in range(values.shape[1]):
                result[y, x, k] = (1 - pb - pc) * values[a, k] + pb * values[b, k] + pc * values[c, k]
    return result


@numba.njit(cache=True, fastmath=True)
def interpolate_uv(uv: np.ndarray, triangle_ids: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    """Return the texture coordinates (T, 3, 2) over the visible triangles: float32 (S, S, 2)."""
    height, width = triangle_ids.shape
    result = np.zeros((height, width, 2), np.float32)
    for y in range(height):
        for x in range(width):
            t = triangle_ids[y, x]
            if t < 0:
                continue
            pb, pc = barycentric[y, x, 0], barycentric[y, x, 1]
            for k in range(2):
                result[y, x, k] = (1 - pb - pc) * uv[t, 0, k] + pb * uv[t, 1, k] + pc * uv[t, 2, k]
    return result
