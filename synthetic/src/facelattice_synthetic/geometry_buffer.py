"""G-buffer of the opaque surfaces: depth, surface, point, normal and texture coordinates of each pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facelattice_synthetic.camera import Camera
from facelattice_synthetic.meshes import vertex_normals
from facelattice_synthetic.rasterizer import OPAQUE, draw_triangles, interpolate, interpolate_uv
from facelattice_synthetic.scene import Surface


@dataclass(frozen=True)
class GeometryBuffer:
    """The nearest surface at each pixel.

    Attributes:
        depth: float32 (S, S), 1 / depth; 0 is the background.
        surface_ids: int (S, S), number of the surface, or -1.
        points: float32 (S, S, 3), in the camera's coordinates.
        normals: float32 (S, S, 3), interpolated, not of unit length.
        rest: float32 (S, S, 3), positions on the average head; 0 for surfaces without them.
        uv: float32 (S, S, 2), texture coordinates.
    """

    depth: np.ndarray
    surface_ids: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    rest: np.ndarray
    uv: np.ndarray

    @property
    def covered(self) -> np.ndarray:
        """Pixels that show a surface: bool (S, S)."""
        return np.asarray(self.surface_ids >= 0)


def rasterize(surfaces: list[Surface], camera: Camera, size: int) -> GeometryBuffer:
    """Draw opaque surfaces into a z-buffer.

    Args:
        surfaces: The surfaces.
        camera: The camera.
        size: Side S of the image in pixels.
    """
    depth, triangle_ids = np.zeros((size, size), np.float32), np.full((size, size), -1, np.int32)
    barycentric = np.zeros((size, size, 2), np.float32)
    triangles, attributes, owners = [], [], []
    first_triangle = first_vertex = 0
    for number, surface in enumerate(surfaces):
        pixels, inverse_depth = camera.project_vertices(surface.vertices)
        draw_triangles(pixels, inverse_depth, surface.triangles, surface.uv, OPAQUE, first_triangle,
                       depth, triangle_ids, barycentric)  # fmt: skip
        normals = vertex_normals(surface.vertices, surface.triangles)
        rest = surface.rest if len(surface.rest) else np.zeros((len(surface.vertices), 3))
        triangles.append(surface.triangles + first_vertex)
        attributes.append(np.concatenate([surface.vertices, normals, rest], 1).astype(np.float32))
        owners.append(np.full(len(surface.triangles), number, np.int16))
        first_triangle += len(surface.triangles)
        first_vertex += len(surface.vertices)
    fields = interpolate(
        np.concatenate(triangles).astype(np.int32), np.concatenate(attributes), triangle_ids, barycentric
    )
    uv = interpolate_uv(np.concatenate([surface.uv for surface in surfaces]), triangle_ids, barycentric)
    surface_ids = np.where(triangle_ids >= 0, np.concatenate(owners)[np.maximum(triangle_ids, 0)], -1)
    return GeometryBuffer(depth, surface_ids, fields[..., :3], fields[..., 3:6], fields[..., 6:9], uv)
