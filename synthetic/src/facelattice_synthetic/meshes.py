"""Meshes: reading Wavefront and MakeHuman files, subdivision, normals."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Faces:
    """The faces of a mesh of quads. A triangle repeats its last corner.

    Attributes:
        corners: int (F, 4), numbers of vertices.
        uv: float32 (F, 4, 2), texture coordinates from the upper left corner of the texture.
    """

    corners: np.ndarray
    uv: np.ndarray

    def select(self, keep: np.ndarray) -> Faces:
        """Return some of the faces."""
        return Faces(self.corners[keep], self.uv[keep])

    def triangles(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the triangles, int32 (T, 3), and their texture coordinates, float32 (T, 3, 2)."""
        halves = ([0, 1, 2], [0, 2, 3])
        corners = np.concatenate([self.corners[:, half] for half in halves]).astype(np.int32)
        uv = np.concatenate([self.uv[:, half] for half in halves]).astype(np.float32)
        keep = (corners[:, 1] != corners[:, 2]) & (corners[:, 0] != corners[:, 2])
        return np.ascontiguousarray(corners[keep]), np.ascontiguousarray(uv[keep])


def read_obj(path: Path, group: str | None = None) -> tuple[np.ndarray, Faces]:
    """Return the vertices (V, 3) of a Wavefront file, and the faces of one of its groups or of all."""
    vertices, vertex_uv, corners, uv, group_name = [], [], [], [], ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            vertices.append([float(word) for word in words[:3]])
        elif kind == "vt":
            vertex_uv.append([float(words[0]), 1 - float(words[1])])
        elif kind == "g":
            group_name = words[0] if words else ""
        elif kind == "f" and group in (None, group_name):
            pairs = [[int(number) - 1 for number in [*word.split("/"), "1"][:2]] for word in words[:4]]
            pairs += [pairs[-1]] * (4 - len(pairs))
            corners.append([pair[0] for pair in pairs])
            uv.append([pair[1] for pair in pairs])
    table = np.array(vertex_uv or [[0.0, 0.0]], np.float32)
    return np.array(vertices), Faces(np.array(corners, np.int64), table[np.array(uv)])


def read_target(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertices (K,) that a MakeHuman target moves, and their displacements (K, 3)."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    rows = " ".join(line for line in text.splitlines() if not line.startswith("#"))
    values = np.fromstring(rows, sep=" ").reshape(-1, 4)
    return values[:, 0].astype(np.int64), values[:, 1:]


class Proxy:
    """A MakeHuman proxy (eyes, hair, ...) that follows the base mesh, from a .mhclo file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.scales: list[tuple[int, int, float]] = [(0, 1, 0.0)] * 3
        vertices, weights, offsets, reading = [], [], [], False
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0] in {"x_scale", "y_scale", "z_scale"}:
                self.scales["xyz".index(words[0][0])] = (int(words[1]), int(words[2]), float(words[3]))
            elif words[0] == "verts":
                reading = True
            # A line of one number is a vertex of the base mesh; one of nine is a point on a triangle, and an offset.
            elif reading and len(words) in {1, 9} and words[0].isdigit():
                numbers = [float(word) for word in (words if len(words) == 9 else [*words * 3, *"100000"])]
                vertices.append(numbers[:3])
                weights.append(numbers[3:6])
                offsets.append(numbers[6:])
            elif words[0] == "delete_verts":
                break
        self.vertices = np.array(vertices, np.int64)
        self.weights = np.array(weights)
        self.offsets = np.array(offsets)

    def fit(self, base: np.ndarray) -> np.ndarray:
        """Return the vertices of the proxy on a base mesh (V, 3)."""
        sizes = [abs(base[a, k] - base[b, k]) / size if size else 1 for k, (a, b, size) in enumerate(self.scales)]
        return np.einsum("vk,vkc->vc", self.weights, base[self.vertices]) + self.offsets * sizes


def subdivide(faces: Faces, num_vertices: int) -> tuple[sparse.csr_matrix, Faces]:
    """Return one step of Catmull-Clark subdivision as a matrix.

    Args:
        faces: Faces of quads.
        num_vertices: Number V of vertices.

    Returns:
        The matrix (V', V) that gives the new vertices, the V old ones first, and the new faces.
    """
    corners, count = faces.corners, len(faces.corners)
    ends = np.stack([corners, np.roll(corners, -1, 1)], 2).reshape(-1, 2)
    edges, inverse, uses = np.unique(np.sort(ends, 1), axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(count, 4)
    inner = uses == 2
    place = sparse.csr_matrix((np.full(4 * count, 0.25), (np.repeat(np.arange(count), 4), corners.ravel())),
                              (count, num_vertices))  # fmt: skip
    middle = sparse.csr_matrix((np.full(2 * len(edges), 0.5), (np.repeat(np.arange(len(edges)), 2), edges.ravel())),
                               (len(edges), num_vertices))  # fmt: skip
    beside = sparse.csr_matrix((np.full(4 * count, 0.5), (inverse.ravel(), np.repeat(np.arange(count), 4))),
                               (len(edges), count))  # fmt: skip
    half = sparse.diags(np.where(inner, 0.5, 0.0))
    edge_points = sparse.diags(np.where(inner, 0.5, 1.0)) @ middle + half @ beside @ place

    def mean_of(rows: np.ndarray, columns: np.ndarray, width: int) -> sparse.csr_matrix:
        matrix = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), (num_vertices, width))
        total = np.asarray(matrix.sum(1)).ravel()
        return sparse.diags(1 / np.maximum(total, 1)) @ matrix

    valence = np.bincount(edges.ravel(), minlength=num_vertices).astype(float)
    border = np.zeros(num_vertices, bool)
    border[edges[~inner]] = True
    border |= valence == 0
    faces_mean = mean_of(corners.ravel(), np.repeat(np.arange(count), 4), count) @ place
    edges_mean = mean_of(edges.ravel(), np.repeat(np.arange(len(edges)), 2), len(edges)) @ middle
    n = np.maximum(valence, 3)
    weights = [np.where(border, 0, 1 / n), np.where(border, 0, 2 / n), np.where(border, 1, (n - 3) / n)]
    vertex_points = (sparse.diags(weights[0]) @ faces_mean + sparse.diags(weights[1]) @ edges_mean
                     + sparse.diags(weights[2]))  # fmt: skip
    matrix = sparse.vstack([vertex_points, edge_points, place]).tocsr().astype(np.float64)
    on_edge, on_face = num_vertices + inverse, num_vertices + len(edges) + np.arange(count)
    uv_edge, uv_face = (faces.uv + np.roll(faces.uv, -1, 1)) / 2, faces.uv.mean(1)
    quads = [np.stack([corners[:, k], on_edge[:, k], on_face, on_edge[:, k - 1]], 1) for k in range(4)]
    uv = [np.stack([faces.uv[:, k], uv_edge[:, k], uv_face, uv_edge[:, k - 1]], 1) for k in range(4)]
    return matrix, Faces(np.concatenate(quads), np.concatenate(uv).astype(np.float32))


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return unit normals (V, 3), the means over the triangles of a vertex, weighted by their areas."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    total = np.stack(
        [sum(np.bincount(triangles[:, k], normals[:, axis], len(vertices)) for k in range(3)) for axis in range(3)], 1
    )
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
