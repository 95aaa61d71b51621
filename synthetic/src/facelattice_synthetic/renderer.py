"""Renders a scene: opaque surfaces first, then layers such as hair over them."""

from __future__ import annotations

import numpy as np

from facelattice_synthetic.camera import Camera
from facelattice_synthetic.geometry_buffer import rasterize
from facelattice_synthetic.lights import Lights
from facelattice_synthetic.materials import sample_materials
from facelattice_synthetic.meshes import vertex_normals
from facelattice_synthetic.rasterizer import blend_triangles
from facelattice_synthetic.scene import Layer, Rendering, Surface
from facelattice_synthetic.shading import find_ambient_occlusion, find_shadow, shade
from facelattice_synthetic.skin_painter import SkinPainter


def render(
    surfaces: list[Surface], layers: list[Layer], lights: Lights, camera: Camera, size: int, painter: SkinPainter
) -> Rendering:
    """Render a scene.

    Args:
        surfaces: Opaque meshes. The first one is the skin of the head; eyes and teeth must be included.
        layers: Meshes that are blended over them, in this order.
        lights: The lights.
        camera: The camera.
        size: Side S of the image in pixels.
        painter: Paints the skin of the head.
    """
    geometry = rasterize(surfaces, camera, size)
    materials = sample_materials(surfaces, geometry, painter)
    shadow = find_shadow(surfaces, layers, lights.distant[0], geometry)
    wet = [k for k, surface in enumerate(surfaces) if surface.kind in {"eyes", "teeth"}]
    occlusion = find_ambient_occlusion(geometry, np.isin(geometry.surface_ids, wet), camera.focal)
    color = shade(geometry, materials, lights, shadow, occlusion)
    opacity, layer_opacity = geometry.covered.astype(np.float32), np.zeros((size, size), np.float32)
    for layer in layers:
        own_opacity = layer_opacity if layer.hides else np.zeros_like(layer_opacity)
        _blend(layer, lights, camera, geometry.depth, color, own_opacity, opacity)
    return Rendering(color, opacity, geometry.depth, geometry.surface_ids, layer_opacity)


def _blend(
    layer: Layer, lights: Lights, camera: Camera, depth: np.ndarray, color: np.ndarray, layer_opacity: np.ndarray,
    opacity: np.ndarray,
) -> None:  # fmt: skip
    """Blend a layer over an image, in place. Its triangles are sorted from the back to the front."""
    pixels, inverse_depth = camera.project_vertices(layer.vertices)
    order = np.argsort(inverse_depth[layer.triangles].sum(1), kind="stable")
    triangles, uv = np.ascontiguousarray(layer.triangles[order]), np.ascontiguousarray(layer.uv[order])
    normals = vertex_normals(layer.vertices, layer.triangles) if layer.normals is None else layer.normals
    view = -layer.vertices / np.linalg.norm(layer.vertices, axis=1, keepdims=True)
    normals = np.where((normals * view).sum(1, keepdims=True) < 0, -normals, normals)
    light = lights.surroundings.ambient(normals)
    for source in lights.distant:
        cosine = (normals @ source.direction)[:, None]
        light = light + np.clip((cosine + 0.3) / 1.3, 0, 1) * source.color
    if layer.shade is not None:
        light = light * layer.shade[:, None]
    factors = np.column_stack([light, layer.opacity]).astype(np.float32)
    blend_triangles(pixels, inverse_depth, triangles, uv, layer.texture, factors, layer.bias, depth, color,
                    layer_opacity, opacity)  # fmt: skip
