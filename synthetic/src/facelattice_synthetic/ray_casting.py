"""Intersections of rays with a mesh. Compiled by Numba; one core."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def farthest_hits(
    vertices: np.ndarray, triangles: np.ndarray, origins: np.ndarray, directions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the farthest intersections of rays with a mesh.

    Args:
        vertices: (V, 3).
        triangles: int (T, 3).
        origins: (N, 3), a point on each ray. Intersections behind it count as well.
        directions: (N, 3).

    Returns:
        The triangles (N,) and the barycentric coordinates (N, 3) in them. A ray that misses the mesh has zeros.

    Source:
        Moeller and Trumbore, Fast, Minimum Storage Ray/Triangle Intersection, 1997.
    """
    found, barycentric = np.zeros(len(origins), np.int64), np.zeros((len(origins), 3))
    for ray in range(len(origins)):
        dx, dy, dz = directions[ray]
        farthest = -np.inf
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
            if v >= 0 and u + v <= 1 and distance > farthest:
                farthest = distance
                found[ray] = t
                barycentric[ray] = (1 - u - v, u, v)
    return found, barycentric
