"""Materials at each pixel: color, highlights and fine relief of the visible surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facelattice_synthetic.geometry_buffer import GeometryBuffer
from facelattice_synthetic.scene import SKIN_KINDS, Surface
from facelattice_synthetic.skin_painter import SkinImage, SkinPainter


@dataclass
class Materials:
    """Materials of the visible surfaces.

    Attributes:
        albedo: float32 (S, S, 3), linear color.
        specular: float32 (S, S), strength of the highlights.
        shininess: float32 (S, S), exponent of the highlights.
        bump: float32 (S, S), height over the mesh in decimeters.
        skin: bool (S, S), pixels of bare skin.
    """

    albedo: np.ndarray
    specular: np.ndarray
    shininess: np.ndarray
    bump: np.ndarray
    skin: np.ndarray


def sample_materials(surfaces: list[Surface], geometry: GeometryBuffer, painter: SkinPainter) -> Materials:
    """Return the materials at each pixel.

    Args:
        surfaces: The surfaces; the first one is the skin of the head.
        geometry: Their pixels.
        painter: Paints the skin of the head.
    """
    shape = geometry.surface_ids.shape
    albedo, bump = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    specular, shininess = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    skin = np.zeros(shape, bool)
    for number, surface in enumerate(surfaces):
        here = geometry.surface_ids == number
        if not here.any():
            continue
        rows, columns = surface.texture.shape[:2]
        u, v = geometry.uv[..., 0] * columns - 0.5, geometry.uv[..., 1] * rows - 0.5
        color = cv2.remap(surface.texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        albedo[here], specular[here], shininess[here] = color[here], surface.specular, surface.shininess
        if surface.kind in SKIN_KINDS:
            skin |= here
    image = SkinImage(albedo, specular, bump, geometry.rest, geometry.uv, geometry.surface_ids == 0)
    cloth = painter.paint(image)
    return Materials(albedo, specular, shininess, bump, skin & ~cloth)
