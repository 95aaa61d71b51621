"""The parts of a scene, opaque surfaces and layers that are blended over them, and its rendered image."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

FACE_KINDS = {"skin", "eyes", "teeth", "tongue"}
"""Kinds of the surfaces that belong to the face."""
SKIN_KINDS = {"skin", "hand"}
"""Kinds of the surfaces that are shaded as skin."""


@dataclass
class Surface:
    """An opaque mesh in the camera's coordinates: x to the right, y down, z away from the camera, in decimeters.

    Attributes:
        kind: One of `FACE_KINDS`, or the kind of an accessory.
        vertices: (V, 3).
        triangles: int32 (T, 3).
        uv: float32 (T, 3, 2), texture coordinates.
        texture: float32 (H, W, 3), linear color.
        specular: Strength of the highlights.
        shininess: Exponent of the highlights.
        rest: (V, 3), the vertices on the average head, for the painter of the skin; empty for other surfaces.
    """

    kind: str
    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    texture: np.ndarray
    specular: float = 0.1
    shininess: float = 15.0
    rest: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))


@dataclass
class Layer:
    """A mesh that is blended over the surfaces, such as hair or a lens.

    Attributes:
        vertices: (V, 3), before the camera.
        triangles: int32 (T, 3).
        uv: float32 (T, 3, 2), texture coordinates.
        texture: float32 (H, W, 4), linear color and opacity.
        opacity: (V,), factor of the opacity.
        bias: Relative depth by which the layer is moved towards the camera.
        hides: Whether landmarks behind it are hidden.
        shade: (V,), factor of the light, for hair under other hair; None is 1.
        normals: (V, 3); None computes them from the triangles.
        casts_shadow: Whether it casts a shadow.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    texture: np.ndarray
    opacity: np.ndarray
    bias: float = 0.0
    hides: bool = True
    shade: np.ndarray | None = None
    normals: np.ndarray | None = None
    casts_shadow: bool = True


@dataclass
class Rendering:
    """A rendered scene.

    Attributes:
        color: float32 (S, S, 3), linear, on black.
        opacity: float32 (S, S), fraction of the background that is covered.
        depth: float32 (S, S), 1 / depth of the opaque surfaces; 0 is the background.
        surface_ids: int (S, S), number of the visible surface, or -1.
        layer_opacity: float32 (S, S), opacity of the layers that hide landmarks.
    """

    color: np.ndarray
    opacity: np.ndarray
    depth: np.ndarray
    surface_ids: np.ndarray
    layer_opacity: np.ndarray
