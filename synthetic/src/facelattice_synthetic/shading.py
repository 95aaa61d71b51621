"""Shading of the opaque surfaces: shadow map, ambient occlusion, highlights, subsurface scattering of skin."""

from __future__ import annotations

import cv2
import numpy as np

from facelattice_synthetic.geometry_buffer import GeometryBuffer
from facelattice_synthetic.lights import Light, Lights
from facelattice_synthetic.materials import Materials
from facelattice_synthetic.rasterizer import OPAQUE, draw_triangles
from facelattice_synthetic.scene import Layer, Surface

SHADOW_SIZE = 384
SHADOW_RADIUS = 2.2
"""Half the side of the shadow map, in decimeters."""
SHADOW_BIAS = 0.035
"""Decimeters by which a surface may be behind that of the shadow map and still be lit."""
SHADOW_CAMERA = 20.0
"""Distance of the shadow map's camera from the face, in decimeters."""


def find_shadow(surfaces: list[Surface], layers: list[Layer], light: Light, geometry: GeometryBuffer) -> np.ndarray:
    """Return the fraction of a light that reaches each pixel, by a shadow map: float32 (S, S)."""
    covered = geometry.covered
    if light.softness >= 1:
        return np.ones(covered.shape, np.float32)
    axis = -light.direction
    across = np.cross(axis, [0.0, 1, 0] if abs(axis[1]) < 0.9 else [1.0, 0, 0])
    across /= np.linalg.norm(across)
    rotation = np.stack([across, np.cross(axis, across), axis])
    center = np.concatenate([surface.vertices for surface in surfaces if surface.kind in {"eyes", "teeth"}]).mean(0)
    scale = SHADOW_SIZE / 2 / SHADOW_RADIUS
    shape = (SHADOW_SIZE, SHADOW_SIZE)
    nearest, ids = np.zeros(shape, np.float32), np.empty(shape, np.int32)
    barycentric = np.empty((*shape, 2), np.float32)
    meshes = [(surface.vertices, surface.triangles, surface.uv, OPAQUE) for surface in surfaces]
    meshes += [(layer.vertices, layer.triangles, layer.uv, np.ascontiguousarray(layer.texture[..., 3]))
               for layer in layers if layer.casts_shadow]  # fmt: skip
    for vertices, triangles, uv, alpha in meshes:
        rotated = (vertices - center) @ rotation.T
        pixels = (SHADOW_SIZE / 2 + scale * rotated[:, :2]).astype(np.float32)
        # The map contains a nearness that is linear in the depth, not 1 / depth, so that one bias fits everywhere.
        nearness = (SHADOW_CAMERA - rotated[:, 2]).astype(np.float32)
        draw_triangles(pixels, nearness, triangles, uv, alpha, 0, nearest, ids, barycentric)
    rotated = (geometry.points - center.astype(np.float32)) @ rotation.T.astype(np.float32)
    columns, rows = SHADOW_SIZE / 2 + scale * rotated[..., 0], SHADOW_SIZE / 2 + scale * rotated[..., 1]
    nearness = SHADOW_CAMERA - rotated[..., 2]
    step = 0.7 + 4 * light.softness
    lit = np.zeros(covered.shape, np.float32)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            occluder = cv2.remap(nearest, columns + dx * step, rows + dy * step, cv2.INTER_NEAREST,
                                 borderMode=cv2.BORDER_CONSTANT, borderValue=0)  # fmt: skip
            lit += nearness + SHADOW_BIAS * (1 + light.softness) > occluder
    smooth = cv2.GaussianBlur(lit / 9, (0, 0), 0.8 + 2.5 * light.softness)
    return np.where(covered, smooth, 1).astype(np.float32)


def find_ambient_occlusion(geometry: GeometryBuffer, wet: np.ndarray, focal: float) -> np.ndarray:
    """Return the fraction of the ambient light that reaches each pixel, from the difference of the depth to its blur.

    Args:
        geometry: The surfaces.
        wet: bool (S, S), pixels of eyes and teeth, which are darkened less.
        focal: Focal length in pixels.
    """
    covered = geometry.covered
    z = np.where(covered, 1 / np.maximum(geometry.depth, 1e-6), 0).astype(np.float32)
    mean_z = float(z[covered].mean()) if covered.any() else 1.0
    result = np.ones_like(z)
    for radius, strength in ((0.05, 5.0), (0.16, 1.6)):
        sigma = max(0.6, radius * focal / mean_z)
        weight = cv2.GaussianBlur(covered.astype(np.float32), (0, 0), sigma)
        blurred = cv2.GaussianBlur(z, (0, 0), sigma) / np.maximum(weight, 1e-3)
        result *= 1 - np.clip(strength * np.clip(z - blurred, 0, 0.25), 0, 0.75)
    # Eyes and teeth are translucent, and wet surfaces reflect their surroundings.
    result[wet] **= 0.4
    return result


def shade(
    geometry: GeometryBuffer, materials: Materials, lights: Lights, shadow: np.ndarray, occlusion: np.ndarray
) -> np.ndarray:
    """Return the linear color of the surfaces: float32 (S, S, 3).

    Args:
        geometry: The surfaces.
        materials: Their materials.
        lights: The lights.
        shadow: float32 (S, S), fraction of the first light that reaches a pixel.
        occlusion: float32 (S, S), fraction of the ambient light that reaches a pixel.
    """
    view = -geometry.points / np.maximum(np.linalg.norm(geometry.points, axis=2, keepdims=True), 1e-6)
    normals = _shading_normals(geometry, materials, view)
    skin, shininess = materials.skin, materials.shininess
    # Light scatters under the skin, red light farthest. So the lit side extends beyond the edge of the shadow, whose
    # edges are red.
    wrap = np.where(skin[..., None], np.array([0.35, 0.2, 0.14], np.float32), np.float32(0.05))
    diffuse, highlights = np.zeros_like(materials.albedo), np.zeros_like(materials.albedo)
    for number, light in enumerate(lights.distant):
        direction, color = light.direction.astype(np.float32), light.color.astype(np.float32)
        cosine = (normals @ direction)[..., None]
        width = wrap + 0.6 * light.softness * (1 - wrap)
        received = np.clip((cosine + width) / (1 + width), 0, 1)
        half = view + direction
        half /= np.maximum(np.linalg.norm(half, axis=2, keepdims=True), 1e-6)
        # A wide light makes wide highlights, but on wet eyes small ones.
        exponent = np.where(shininess > 100, shininess, shininess / (1 + 3 * light.softness))
        peak = np.clip((normals * half).sum(2), 0, 1) ** exponent * (exponent + 8) / 25
        peak = np.where(cosine[..., 0] > 0, peak, 0)
        fresnel = 0.25 + 0.75 * np.clip(1 - (half * view).sum(2), 0, 1) ** 3
        unshadowed = shadow if number == 0 else np.ones_like(shadow)
        diffuse += received * color * unshadowed[..., None]
        highlights += (materials.specular * peak * fresnel * unshadowed)[..., None] * color
    ambient = lights.surroundings.ambient(normals)
    diffuse += ambient * occlusion[..., None]
    diffuse *= 0.4 + 0.6 * occlusion[..., None]
    rim = np.clip(1 - (normals * view).sum(2), 0, 1) ** 4
    highlights += (0.35 * materials.specular * rim * occlusion)[..., None] * ambient
    _scatter(diffuse, skin)
    color = (materials.albedo * diffuse + highlights) * geometry.covered[..., None]
    return np.ascontiguousarray(color.astype(np.float32))


def _shading_normals(geometry: GeometryBuffer, materials: Materials, view: np.ndarray) -> np.ndarray:
    """Return unit normals (S, S, 3) towards the camera, with the fine relief of the skin."""
    normals = geometry.normals / np.maximum(np.linalg.norm(geometry.normals, axis=2, keepdims=True), 1e-6)
    normals = np.where((normals * view).sum(2, keepdims=True) < 0, -normals, normals)
    bump = materials.bump
    if bump.any():
        dx, dy = cv2.Sobel(bump, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(bump, cv2.CV_32F, 0, 1, scale=0.125)
        inside = cv2.erode(materials.skin.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        pixel_size = np.maximum(np.abs(cv2.Sobel(geometry.points[..., 0], cv2.CV_32F, 1, 0, scale=0.125)), 1e-3)
        normals = normals - np.stack([dx / pixel_size, dy / pixel_size, np.zeros_like(dx)], 2) * inside[..., None]
        normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-6)
    return normals


def _scatter(diffuse: np.ndarray, skin: np.ndarray) -> None:
    """Blur the light (S, S, 3) on skin in place, red most, to simulate subsurface scattering."""
    weight = skin.astype(np.float32)
    for channel, sigma in enumerate((2.2, 1.1, 0.6)):
        share = cv2.GaussianBlur(weight, (0, 0), sigma)
        blurred = cv2.GaussianBlur(diffuse[..., channel] * weight, (0, 0), sigma) / np.maximum(share, 1e-3)
        diffuse[..., channel] = np.where(skin, blurred, diffuse[..., channel])
