"""A scene: surfaces, hair, lights and a camera, and its picture in linear color."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.random import Generator

from facelattice_synthetic.landmarks import Projection
from facelattice_synthetic.meshes import vertex_normals
from facelattice_synthetic.rasterizer import blend_triangles, draw_triangles, interpolate, interpolate_uv

OPAQUE = np.ones((1, 1), np.float32)
SHADOW_SIZE = 384


@dataclass
class Surface:
    """An opaque mesh before the camera: x to the right, y down, z away from the camera, in decimeters.

    Attributes:
        kind: What it is: "skin", "eyes", "teeth", "tongue" or a name of an accessory or something held.
        vertices: (V, 3).
        triangles: int32 (T, 3).
        uv: float32 (T, 3, 2).
        texture: float32 (H, W, 3), linear color.
        specular: Strength of the highlights.
        shininess: Exponent of the highlights.
        rest: (V, 3), the vertices on the average head, for painting; empty if that is not needed.
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
    """A mesh that is blended over the surfaces.

    Attributes:
        vertices: (V, 3).
        triangles: int32 (T, 3).
        uv: float32 (T, 3, 2).
        texture: float32 (H, W, 4), linear color and opacity.
        opacity: (V,), factor of the opacity.
        bias: Relative depth by which it is brought nearer.
        hides: Whether landmarks behind it are hidden.
        shade: (V,), factor of the light, for hair that lies deep.
        normals: (V, 3); empty computes them.
        casts_shadow: Whether it casts a shadow.
        ordered: Whether the triangles are in the order in which they are to be drawn.
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
    ordered: bool = False


@dataclass(frozen=True)
class Light:
    """A distant light.

    Attributes:
        direction: (3,), unit vector towards the light.
        color: (3,), linear.
        softness: 0 has hard shadows; 1 is a wide light without shadows.
    """

    direction: np.ndarray
    color: np.ndarray
    softness: float


@dataclass(frozen=True)
class Lights:
    """All lights; the first casts a shadow.

    Attributes:
        lights: The distant lights.
        above: (3,), color of the light from above.
        below: (3,), color of the light from below.
    """

    lights: list[Light]
    above: np.ndarray
    below: np.ndarray


@dataclass
class Rendering:
    """A rendered scene.

    Attributes:
        color: float32 (S, S, 3), linear, on black.
        opacity: float32 (S, S), how much of the background is covered.
        depth: float32 (S, S), 1 / depth of the opaque surfaces; 0 is the background.
        kinds: int (S, S), the surface that is seen, or -1.
        hair: float32 (S, S), opacity of the layers that hide landmarks.
    """

    color: np.ndarray
    opacity: np.ndarray
    depth: np.ndarray
    kinds: np.ndarray
    hair: np.ndarray


def render(
    surfaces: list[Surface], layers: list[Layer], lights: Lights, camera: Projection, size: int, paint: Painter
) -> Rendering:
    """Render a scene.

    Args:
        surfaces: Opaque meshes.
        layers: Meshes that are blended over them, in this order.
        lights: The lights.
        camera: The camera.
        size: Side S of the image in pixels.
        paint: Changes the color of skin by the place on the average head.
    """
    depth, ids = np.zeros((size, size), np.float32), np.full((size, size), -1, np.int32)
    shares = np.zeros((size, size, 2), np.float32)
    normals, offset, first, kinds = [], 0, 0, []
    for number, surface in enumerate(surfaces):
        places, nearness = _project(surface.vertices, camera)
        draw_triangles(places, nearness, surface.triangles, surface.uv, OPAQUE, first, depth, ids, shares)
        first += len(surface.triangles)
        normals.append(vertex_normals(surface.vertices, surface.triangles))
        kinds.append(np.full(len(surface.triangles), number, np.int16))
    triangles, rest = [], []
    for surface in surfaces:
        triangles.append(surface.triangles + offset)
        rest.append(surface.rest if len(surface.rest) else np.zeros((len(surface.vertices), 3)))
        offset += len(surface.vertices)
    vertices = np.concatenate([surface.vertices for surface in surfaces])
    values = np.concatenate([vertices, np.concatenate(normals), np.concatenate(rest)], 1).astype(np.float32)
    seen = ids >= 0
    fields = interpolate(np.concatenate(triangles).astype(np.int32), values, ids, shares)
    uv = interpolate_uv(np.concatenate([surface.uv for surface in surfaces]), ids, shares)
    kind_image = np.where(seen, np.concatenate(kinds)[np.maximum(ids, 0)], -1)
    albedo = np.zeros((size, size, 3), np.float32)
    specular, shininess = np.zeros((size, size), np.float32), np.ones((size, size), np.float32)
    skin = np.zeros((size, size), bool)
    for number, surface in enumerate(surfaces):
        here = kind_image == number
        if not here.any():
            continue
        rows, columns = surface.texture.shape[:2]
        sampled = cv2.remap(surface.texture, uv[..., 0] * columns - 0.5, uv[..., 1] * rows - 0.5, cv2.INTER_LINEAR,
                            borderMode=cv2.BORDER_WRAP)  # fmt: skip
        albedo[here], specular[here], shininess[here] = sampled[here], surface.specular, surface.shininess
        if surface.kind in {"skin", "hand"}:
            skin |= here
    bump = np.zeros((size, size), np.float32)
    if len(surfaces[0].rest):
        here = kind_image == 0
        paint(albedo, specular, bump, fields[..., 6:9], uv, here)
        skin &= ~paint.cloth
    shadow = _shadow(surfaces, layers, lights.lights[0], fields[..., :3], seen)
    occlusion = _ambient_occlusion(depth, seen, camera.focal)
    # The white of an eye shines through, and the wet eye mirrors its surroundings.
    eyes = np.isin(kind_image, [number for number, surface in enumerate(surfaces) if surface.kind == "eyes"])
    occlusion[eyes] **= 0.4
    color = _shade(fields, bump, albedo, specular, shininess, skin, seen, lights, shadow, occlusion)
    hair, opacity = np.zeros((size, size), np.float32), seen.astype(np.float32)
    for layer in layers:
        _blend(layer, lights, camera, depth, color, hair if layer.hides else np.zeros_like(hair), opacity)
    return Rendering(color, opacity, depth, kind_image, hair)


class Painter:
    """Paints the skin pixel by pixel. This one changes nothing."""

    cloth: np.ndarray

    def __call__(
        self,
        albedo: np.ndarray,
        specular: np.ndarray,
        bump: np.ndarray,
        rest: np.ndarray,
        uv: np.ndarray,
        here: np.ndarray,
    ) -> None:
        """Change colors, highlights and heights in place.

        Args:
            albedo: float32 (S, S, 3), linear color.
            specular: float32 (S, S), strength of the highlights.
            bump: float32 (S, S), height in decimeters.
            rest: float32 (S, S, 3), places on the average head.
            uv: float32 (S, S, 2), texture coordinates.
            here: bool (S, S), pixels of the skin.
        """
        self.cloth = np.zeros(here.shape, bool)


def _project(vertices: np.ndarray, camera: Projection) -> tuple[np.ndarray, np.ndarray]:
    depth = np.maximum(vertices[:, 2], 1e-3)
    places = camera.center + camera.focal * vertices[:, :2] / depth[:, None]
    return places.astype(np.float32), np.where(vertices[:, 2] > 0.5, 1 / depth, 0).astype(np.float32)


def _shadow(
    surfaces: list[Surface], layers: list[Layer], light: Light, points: np.ndarray, seen: np.ndarray
) -> np.ndarray:
    """Return which share of a light reaches each pixel, by a shadow map: float32 (S, S)."""
    if light.softness >= 1:
        return np.ones(seen.shape, np.float32)
    axis = -light.direction
    across = np.cross(axis, [0.0, 1, 0] if abs(axis[1]) < 0.9 else [1.0, 0, 0])
    across /= np.linalg.norm(across)
    rotation = np.stack([across, np.cross(axis, across), axis])
    around = np.concatenate([surface.vertices for surface in surfaces if surface.kind in {"eyes", "teeth"}]).mean(0)
    radius = 2.2
    scale = SHADOW_SIZE / 2 / radius
    depth, ids = np.zeros((SHADOW_SIZE, SHADOW_SIZE), np.float32), np.empty((SHADOW_SIZE, SHADOW_SIZE), np.int32)
    shares = np.empty((SHADOW_SIZE, SHADOW_SIZE, 2), np.float32)
    meshes = [(surface.vertices, surface.triangles, surface.uv, OPAQUE) for surface in surfaces]
    meshes += [(layer.vertices, layer.triangles, layer.uv, np.ascontiguousarray(layer.texture[..., 3]))
               for layer in layers if layer.casts_shadow]  # fmt: skip
    for vertices, triangles, uv, alpha in meshes:
        turned = (vertices - around) @ rotation.T
        places = (SHADOW_SIZE / 2 + scale * turned[:, :2]).astype(np.float32)
        # Nearness falls along the light's way; it is made linear so that one bias fits everywhere.
        draw_triangles(places, (20 - turned[:, 2]).astype(np.float32), triangles, uv, alpha, 0, depth, ids, shares)
    turned = (points - around.astype(np.float32)) @ rotation.T.astype(np.float32)
    columns, rows = SHADOW_SIZE / 2 + scale * turned[..., 0], SHADOW_SIZE / 2 + scale * turned[..., 1]
    nearness = 20 - turned[..., 2]
    bias = 0.035
    spread = 0.7 + 4 * light.softness
    lit, taps = np.zeros(seen.shape, np.float32), 0
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            near = cv2.remap(depth, columns + dx * spread, rows + dy * spread, cv2.INTER_NEAREST,
                             borderMode=cv2.BORDER_CONSTANT, borderValue=0)  # fmt: skip
            lit += nearness + bias * (1 + light.softness) > near
            taps += 1
    smooth = cv2.GaussianBlur(lit / taps, (0, 0), 0.8 + 2.5 * light.softness)
    return np.where(seen, smooth, 1).astype(np.float32)


def _ambient_occlusion(depth: np.ndarray, seen: np.ndarray, focal: float) -> np.ndarray:
    """Return how much of the light from all around reaches each pixel, from the depth's difference to its blur."""
    z = np.where(seen, 1 / np.maximum(depth, 1e-6), 0).astype(np.float32)
    mean_z = float(z[seen].mean()) if seen.any() else 1.0
    result = np.ones_like(z)
    for radius, strength in ((0.05, 5.0), (0.16, 1.6)):
        sigma = max(0.6, radius * focal / mean_z)
        weight = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), sigma)
        blurred = cv2.GaussianBlur(z, (0, 0), sigma) / np.maximum(weight, 1e-3)
        result *= 1 - np.clip(strength * np.clip(z - blurred, 0, 0.25), 0, 0.75)
    return result


def _shade(
    fields: np.ndarray, bump: np.ndarray, albedo: np.ndarray, specular: np.ndarray, shininess: np.ndarray,
    skin: np.ndarray, seen: np.ndarray, lights: Lights, shadow: np.ndarray, occlusion: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the linear color (S, S, 3) of the surfaces."""
    points, normals = fields[..., :3], fields[..., 3:6]
    view = -points / np.maximum(np.linalg.norm(points, axis=2, keepdims=True), 1e-6)
    normals = normals / np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-6)
    normals = np.where((normals * view).sum(2, keepdims=True) < 0, -normals, normals)
    if bump.any():
        dx, dy = cv2.Sobel(bump, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(bump, cv2.CV_32F, 0, 1, scale=0.125)
        inner = cv2.erode(skin.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        pixel = np.maximum(np.abs(cv2.Sobel(points[..., 0], cv2.CV_32F, 1, 0, scale=0.125)), 1e-3)
        normals = normals - np.stack([dx / pixel, dy / pixel, np.zeros_like(dx)], 2) * inner[..., None]
        normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-6)
    # Light under the skin leaves it elsewhere, red light farthest. So it wraps around, and shadows have red edges.
    wrap = np.where(skin[..., None], np.array([0.35, 0.2, 0.14], np.float32), np.float32(0.05))
    diffuse = np.zeros_like(albedo)
    shine = np.zeros_like(albedo)
    for number, light in enumerate(lights.lights):
        cosine = (normals @ light.direction.astype(np.float32))[..., None]
        spread = wrap + 0.6 * light.softness * (1 - wrap)
        received = np.clip((cosine + spread) / (1 + spread), 0, 1)
        half = view + light.direction.astype(np.float32)
        half /= np.maximum(np.linalg.norm(half, axis=2, keepdims=True), 1e-6)
        # A wide light makes wide highlights, but on wet eyes small ones.
        exponent = np.where(shininess > 100, shininess, shininess / (1 + 3 * light.softness))
        peak = np.clip((normals * half).sum(2), 0, 1) ** exponent * (exponent + 8) / 25
        peak = np.where(cosine[..., 0] > 0, peak, 0)
        fresnel = 0.25 + 0.75 * np.clip(1 - (half * view).sum(2), 0, 1) ** 3
        through = shadow if number == 0 else np.ones_like(shadow)
        diffuse += received * light.color.astype(np.float32) * through[..., None]
        shine += (specular * peak * fresnel * through)[..., None] * light.color.astype(np.float32)
    up = (0.5 - 0.5 * normals[..., 1:2]).astype(np.float32)
    ambient = lights.below + (lights.above - lights.below) * up
    diffuse += (ambient * occlusion[..., None]).astype(np.float32)
    diffuse *= 0.4 + 0.6 * occlusion[..., None]
    rim = np.clip(1 - (normals * view).sum(2), 0, 1) ** 4
    shine += (0.35 * specular * rim * occlusion)[..., None] * ambient.astype(np.float32)
    weight = skin.astype(np.float32)
    for channel, sigma in enumerate((2.2, 1.1, 0.6)):
        share = cv2.GaussianBlur(weight, (0, 0), sigma)
        blurred = cv2.GaussianBlur(diffuse[..., channel] * weight, (0, 0), sigma) / np.maximum(share, 1e-3)
        diffuse[..., channel] = np.where(skin, blurred, diffuse[..., channel])
    return np.ascontiguousarray(((albedo * diffuse + shine) * seen[..., None]).astype(np.float32))


def _blend(
    layer: Layer, lights: Lights, camera: Projection, depth: np.ndarray, color: np.ndarray, hair: np.ndarray,
    opacity: np.ndarray,
) -> None:  # fmt: skip
    places, nearness = _project(layer.vertices, camera)
    triangles, uv = layer.triangles, layer.uv
    if not layer.ordered:
        order = np.argsort(nearness[triangles].sum(1), kind="stable")
        triangles, uv = np.ascontiguousarray(triangles[order]), np.ascontiguousarray(uv[order])
    normals = vertex_normals(layer.vertices, layer.triangles) if layer.normals is None else layer.normals
    view = -layer.vertices / np.linalg.norm(layer.vertices, axis=1, keepdims=True)
    normals = np.where((normals * view).sum(1, keepdims=True) < 0, -normals, normals)
    up = 0.5 - 0.5 * normals[:, 1:2]
    light = lights.below + (lights.above - lights.below) * up
    for source in lights.lights:
        cosine = (normals @ source.direction)[:, None]
        light = light + np.clip((cosine + 0.3) / 1.3, 0, 1) * source.color
    if layer.shade is not None:
        light = light * layer.shade[:, None]
    values = np.column_stack([light, layer.opacity]).astype(np.float32)
    blend_triangles(places, nearness, triangles, uv, layer.texture, values, layer.bias, depth, color, hair, opacity)


def sample_direction(rng: Generator, spread: float) -> np.ndarray:
    """Return the direction of a light, before the face where the spread is small: (3,)."""
    direction = np.array([rng.normal(0, spread), -abs(rng.normal(0.35, 0.5)), -1.0])
    if rng.random() < 0.08:
        direction[1] *= -1
    return direction / np.linalg.norm(direction)
