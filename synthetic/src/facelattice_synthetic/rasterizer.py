"""A z-buffer for triangles, and alpha blending of sorted triangles. Compiled by Numba; one core."""

from __future__ import annotations

import numba
import numpy as np

FAR = np.float32(0)
"""Value of the depth buffer where nothing was drawn. The buffer holds 1 / depth."""


@numba.njit(cache=True, fastmath=True)
def draw_triangles(
    places: np.ndarray, nearness: np.ndarray, triangles: np.ndarray, uv: np.ndarray, alpha: np.ndarray, first: int,
    depth: np.ndarray, ids: np.ndarray, shares: np.ndarray,
) -> None:  # fmt: skip
    """Draw triangles into a z-buffer.

    Args:
        places: float32 (V, 2), pixels.
        nearness: float32 (V,), 1 / depth, positive before the camera.
        triangles: int32 (T, 3).
        uv: float32 (T, 3, 2), texture coordinates.
        alpha: float32 (H, W), opacity. Pixels under 0.5 are not drawn. (1, 1) means opaque.
        first: Number of the first triangle, for `ids`.
        depth: float32 (S, S), nearest 1 / depth so far.
        ids: int32 (S, S), number of the nearest triangle.
        shares: float32 (S, S, 2), barycentric coordinates of the second and third corner, correct in perspective.
    """
    height, width = depth.shape
    rows, columns = alpha.shape
    masked = rows > 1
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        wa, wb, wc = nearness[a], nearness[b], nearness[c]
        if wa <= 0 or wb <= 0 or wc <= 0:
            continue
        ax, ay, bx, by, cx, cy = places[a, 0], places[a, 1], places[b, 0], places[b, 1], places[c, 0], places[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        x0, x1 = max(0, int(np.ceil(min(ax, bx, cx)))), min(width - 1, int(np.floor(max(ax, bx, cx))))
        y0, y1 = max(0, int(np.ceil(min(ay, by, cy)))), min(height - 1, int(np.floor(max(ay, by, cy))))
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                sb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                sc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                sa = 1 - sb - sc
                if sa < -1e-6 or sb < -1e-6 or sc < -1e-6:
                    continue
                w = sa * wa + sb * wb + sc * wc
                if w <= depth[y, x]:
                    continue
                pb, pc = sb * wb / w, sc * wc / w
                if masked:
                    pa = 1 - pb - pc
                    u = pa * uv[t, 0, 0] + pb * uv[t, 1, 0] + pc * uv[t, 2, 0]
                    v = pa * uv[t, 0, 1] + pb * uv[t, 1, 1] + pc * uv[t, 2, 1]
                    if alpha[int(v * rows) % rows, int(u * columns) % columns] < 0.5:
                        continue
                depth[y, x] = w
                ids[y, x] = first + t
                shares[y, x, 0] = pb
                shares[y, x, 1] = pc


@numba.njit(cache=True, fastmath=True)
def blend_triangles(
    places: np.ndarray, nearness: np.ndarray, triangles: np.ndarray, uv: np.ndarray, texture: np.ndarray,
    light: np.ndarray, bias: float, depth: np.ndarray, color: np.ndarray, covered: np.ndarray, filled: np.ndarray,
) -> None:  # fmt: skip
    """Blend triangles over an image, in their order, where they are before the z-buffer's surface.

    Args:
        places: float32 (V, 2), pixels.
        nearness: float32 (V,), 1 / depth.
        triangles: int32 (T, 3), from the back to the front.
        uv: float32 (T, 3, 2), texture coordinates.
        texture: float32 (H, W, 4), linear color and opacity.
        light: float32 (V, 4), factors of color and opacity at the vertices.
        bias: Relative depth by which the triangles are brought nearer.
        depth: float32 (S, S), 1 / depth of the opaque surfaces.
        color: float32 (S, S, 3), the image.
        covered: float32 (S, S), the opacity of all layers so far.
        filled: float32 (S, S), the opacity of surfaces and layers.
    """
    height, width = depth.shape
    rows, columns = texture.shape[:2]
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        wa, wb, wc = nearness[a], nearness[b], nearness[c]
        if wa <= 0 or wb <= 0 or wc <= 0:
            continue
        ax, ay, bx, by, cx, cy = places[a, 0], places[a, 1], places[b, 0], places[b, 1], places[c, 0], places[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        x0, x1 = max(0, int(np.ceil(min(ax, bx, cx)))), min(width - 1, int(np.floor(max(ax, bx, cx))))
        y0, y1 = max(0, int(np.ceil(min(ay, by, cy)))), min(height - 1, int(np.floor(max(ay, by, cy))))
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                sb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                sc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                sa = 1 - sb - sc
                # An edge that two triangles share is drawn once: the ends of the interval differ.
                if sa < 0 or sb <= 0 or sc <= 0:
                    continue
                w = sa * wa + sb * wb + sc * wc
                if w * (1 + bias) <= depth[y, x]:
                    continue
                pa, pb, pc = sa * wa / w, sb * wb / w, sc * wc / w
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
                covered[y, x] += share * (1 - covered[y, x])
                filled[y, x] += share * (1 - filled[y, x])


@numba.njit(cache=True, fastmath=True)
def interpolate(triangles: np.ndarray, values: np.ndarray, ids: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return values at the vertices (V, K), interpolated over the visible triangles: float32 (S, S, K)."""
    height, width = ids.shape
    result = np.zeros((height, width, values.shape[1]), np.float32)
    for y in range(height):
        for x in range(width):
            t = ids[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            pb, pc = shares[y, x, 0], shares[y, x, 1]
            for k in range(values.shape[1]):
                result[y, x, k] = (1 - pb - pc) * values[a, k] + pb * values[b, k] + pc * values[c, k]
    return result


@numba.njit(cache=True, fastmath=True)
def interpolate_uv(uv: np.ndarray, ids: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the texture coordinates (T, 3, 2) over the visible triangles: float32 (S, S, 2)."""
    height, width = ids.shape
    result = np.zeros((height, width, 2), np.float32)
    for y in range(height):
        for x in range(width):
            t = ids[y, x]
            if t < 0:
                continue
            pb, pc = shares[y, x, 0], shares[y, x, 1]
            for k in range(2):
                result[y, x, k] = (1 - pb - pc) * uv[t, 0, k] + pb * uv[t, 1, k] + pc * uv[t, 2, k]
    return result


@numba.njit(cache=True)
def last_hits(
    vertices: np.ndarray, triangles: np.ndarray, origins: np.ndarray, directions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where rays leave a mesh for the last time: triangles (N,) and barycentric coordinates (N, 3)."""
    found, shares = np.zeros(len(origins), np.int64), np.zeros((len(origins), 3))
    for ray in range(len(origins)):
        dx, dy, dz = directions[ray]
        best = -np.inf
        for t in range(len(triangles)):
            a, b, c = vertices[triangles[t, 0]], vertices[triangles[t, 1]], vertices[triangles[t, 2]]
            px, py, pz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
            qx, qy, qz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
            nx, ny, nz = dy * qz - dz * qy, dz * qx - dx * qz, dx * qy - dy * qx
            det = px * nx + py * ny + pz * nz
            if abs(det) < 1e-12:
                continue
            sx, sy, sz = origins[ray, 0] - a[0], origins[ray, 1] - a[1], origins[ray, 2] - a[2]
            u = (sx * nx + sy * ny + sz * nz) / det
            if u < 0 or u > 1:
                continue
            mx, my, mz = sy * pz - sz * py, sz * px - sx * pz, sx * py - sy * px
            v = (dx * mx + dy * my + dz * mz) / det
            distance = (qx * mx + qy * my + qz * mz) / det
            if v >= 0 and u + v <= 1 and distance > best:
                best = distance
                found[ray] = t
                shares[ray] = (1 - u - v, u, v)
    return found, shares
