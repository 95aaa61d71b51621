"""One face: image, landmarks and visibility from (seed, index) alone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from scipy.spatial.transform import Rotation

from facelattice_synthetic import hair as hairs
from facelattice_synthetic.accessories import HATS, Item, Wardrobe, thing
from facelattice_synthetic.assets import Assets
from facelattice_synthetic.config import Config
from facelattice_synthetic.head import (
    AVERAGE,
    CLOSED_JAW,
    NEUTRAL,
    Expression,
    Person,
    build_head,
    sample_expression,
    sample_person,
    turn_eyes,
)
from facelattice_synthetic.landmarks import LEFT_BROW, NUM_JAW, RIGHT_BROW, LandmarkModel, Projection, pupils
from facelattice_synthetic.meshes import vertex_normals
from facelattice_synthetic.noise import cloth_texture, to_linear
from facelattice_synthetic.photo import expose, sample_background, sample_lights, spoil
from facelattice_synthetic.scene import Layer, Rendering, Surface, render
from facelattice_synthetic.skin import SkinPainter, sample_skin

OWN_PARTS = {"skin", "eyes", "teeth", "tongue"}
VISIBLE, HIDDEN_BY_THING, HIDDEN_BY_FACE = 0, 1, 2
TOLERANCE = 0.045
"""Decimeters by which a landmark may lie behind the surface that is seen."""


@dataclass(frozen=True)
class Pose:
    """How head and body are turned.

    Attributes:
        head: Rotation of the head: yaw, pitch, roll.
        body: Rotation of the body.
        pivot: (3,), in the neck.
    """

    head: Rotation
    body: Rotation
    pivot: np.ndarray

    def __call__(self, vertices: np.ndarray, rest: np.ndarray | None = None) -> np.ndarray:
        """Return vertices (V, 3), turned; x to the right of the image, y down, z away from the camera.

        Args:
            vertices: In the coordinates of the head.
            rest: (V, 3), their places on the average head, which tell head and body; None is the head.
        """
        centered = vertices - self.pivot
        turned = self.head.apply(centered)
        if rest is not None:
            height = rest[:, 1] + 0.3 * rest[:, 2]
            share = np.clip((height - 5.7) / 0.75, 0, 1)[:, None]
            share = share * share * (3 - 2 * share)
            turned = share * turned + (1 - share) * self.body.apply(centered)
        return np.asarray(turned * [1, -1, -1])


@dataclass(frozen=True)
class SyntheticFace:
    """A rendered face.

    Attributes:
        image: uint8 RGB (S, S, 3).
        points: float32 (98, 2), pixels of the image; whole numbers are pixel centers.
        visibility: int (98,): 0 visible, 1 hidden by a thing or hair, 2 hidden by the face itself.
        quality: Quality of the JPEG file.
    """

    image: np.ndarray
    points: np.ndarray
    visibility: np.ndarray
    quality: int


class FaceGenerator:
    """Renders faces.

    Args:
        assets: The parts.
        config: What the faces look like.
        seed: Seed of all faces.
    """

    def __init__(self, assets: Assets, config: Config, seed: int = 0) -> None:
        self.assets, self.config, self.seed = assets, config, seed
        self.average = build_head(assets, AVERAGE, NEUTRAL)
        self.rest = assets.skin_matrix @ self.average
        self.landmarks = LandmarkModel(assets)
        self.wardrobe = Wardrobe(assets, self.rest)

    def __call__(self, index: int) -> SyntheticFace:
        """Return the face of an index."""
        rng = np.random.default_rng([self.seed, index])
        person = sample_person(self.assets, self.config, rng)
        expression = sample_expression(self.config, rng)
        return self.render(person, expression, sample_rotation(self.config, rng), rng)

    def render(self, person: Person, expression: Expression, rotation: Rotation, rng: Generator) -> SyntheticFace:
        """Return an image of a person in a pose, with all else at random."""
        config, assets = self.config, self.assets
        masked = rng.random() < config.mask
        if masked:  # an open mouth would make a hole in the mask
            actions = {name: amount for name, amount in expression.actions.items() if not name.startswith("mouth")}
            expression = Expression(actions | {"jawOpen": CLOSED_JAW}, expression.gaze)
        base = build_head(assets, person, expression)
        skin = assets.skin_matrix @ base
        pivot = base[assets.joints["neck"]].mean(0) * 0.6 + base[assets.joints["head"]].mean(0) * 0.4
        pose = Pose(rotation, sample_body(rotation, rng), pivot)
        scale = head_width(base) / head_width(self.average)
        brow_name = sorted(assets.brows)[rng.integers(len(assets.brows))]
        brows = assets.brows[brow_name].proxy.fit(base)
        points = self._points(base, skin, brows, brow_name, expression.gaze)

        hair_color = hairs.sample_color(person.age, person.groups, rng)
        look = sample_skin(assets, person, config, hair_color, rng)
        items, hat_height = self._items(base, skin, look.texture, scale, masked, rng)
        distance = np.exp(rng.uniform(*np.log(config.distance))) * scale
        posed_points = pose(points)
        offset = np.array([0, 0, distance]) - posed_points[:-2].mean(0)
        size = config.size * config.supersampling
        camera = self._camera(posed_points + offset, size, rng)

        posed_skin = pose(skin, self.rest) + offset
        outline = self.landmarks.outline(posed_skin, camera, rotation.as_matrix()[:2, 0] * [1, -1])
        everything = np.concatenate([outline, posed_points + offset])
        surfaces = [Surface("skin", posed_skin, assets.skin_triangles, assets.skin_uv, look.texture, look.specular,
                            look.shininess, self.rest)]  # fmt: skip
        surfaces += self._inner_parts(base, person, expression, pose, offset, rng)
        layers = self._brows_and_lashes(base, brows, brow_name, hair_color, person, pose, offset, rng)
        down = pose.head.inv().apply([0.0, -1, 0])
        for item in items:
            vertices = pose(item.vertices, item.rest) + offset
            if item.texture.shape[2] == 4:
                opacity = np.ones(len(vertices))
                layers.append(Layer(vertices, item.triangles, item.uv, item.texture, opacity,
                                    hides=bool(item.texture[0, 0, 3] > 0.5), casts_shadow=False))  # fmt: skip
            else:
                surfaces.append(Surface(item.kind, vertices, item.triangles, item.uv, item.texture, item.specular))
        layers += self._hair(base, skin, person, hair_color, hat_height, down, pose, offset, rng)
        painter = SkinPainter(look, assets)
        rendering = render(surfaces, layers, sample_lights(config, rng), camera, size, painter)
        visibility = find_visibility(everything, camera, rendering, [surface.kind for surface in surfaces])
        pixels = camera(everything)
        image = self._finish(rendering, pixels, rng)
        numbers = [*range(NUM_JAW), *self.landmarks.numbers, *LEFT_BROW, *RIGHT_BROW, 96, 97]
        order = np.argsort(numbers)
        pixels = (pixels[order] + 0.5) / config.supersampling - 0.5
        quality = int(rng.integers(*config.jpeg_quality))
        return SyntheticFace(image, pixels.astype(np.float32), visibility[order], quality)

    def _points(
        self, base: np.ndarray, skin: np.ndarray, brows: np.ndarray, brow_name: str, gaze: tuple[float, float]
    ) -> np.ndarray:
        """Return all points but the jaw (65, 3): the fixed ones, the brows, the pupils."""
        direction = Rotation.from_euler("YX", gaze, degrees=True).apply([0.0, 0, 1])
        brow_points = self.landmarks.brows[brow_name].place(brows)
        return np.concatenate([self.landmarks.fixed.place(skin), brow_points, pupils(base, direction)])

    def _camera(self, points: np.ndarray, size: int, rng: Generator) -> Projection:
        """Return a camera in which the face has a random size and place."""
        unit = Projection(1.0, np.zeros(2))
        places = unit(points)
        # The jaw's points are added to the box: they lie about as far under the mouth as the brows lie over it.
        box = np.stack([places.min(0), places.max(0)])
        spread = max(float(np.ptp(places, axis=0).max()) * 1.15, 1e-3)
        focal = size * rng.uniform(*self.config.face_share) / spread
        shift = rng.uniform(-1, 1, 2) * self.config.off_center * size
        return Projection(focal, size / 2 - focal * box.mean(0) + shift)

    def _inner_parts(
        self, base: np.ndarray, person: Person, expression: Expression, pose: Pose, offset: np.ndarray, rng: Generator
    ) -> list[Surface]:
        assets = self.assets
        iris = self._iris(person, rng)
        eyes = turn_eyes(assets.eyes.proxy.fit(base), base, expression.gaze)
        teeth = (
            to_linear(assets.teeth.texture[..., :3])
            * np.array([1, 0.93, 0.78], np.float32)
            * np.float32(rng.uniform(0.45, 0.85))
        )
        tongue = to_linear(assets.tongue.texture[..., :3]) * np.float32(0.5)
        return [
            Surface(kind, pose(vertices) + offset, part.triangles, part.uv, texture, specular, shininess)
            for kind, part, vertices, texture, specular, shininess in (
                ("eyes", assets.eyes, eyes, iris, 0.5, 180.0),
                ("teeth", assets.teeth, assets.teeth.proxy.fit(base), teeth, 0.3, 40.0),
                ("tongue", assets.tongue, assets.tongue.proxy.fit(base), tongue, 0.2, 15.0),
            )
        ]

    def _iris(self, person: Person, rng: Generator) -> np.ndarray:
        """Return the texture of the eyes, mostly brown where hair is mostly black."""
        names = ["brown", "brownlight"]
        if rng.random() < person.groups[2]:
            names = ["brown", "brownlight", "blue", "bluegreen", "deepblue", "green", "grey"]
        texture = to_linear(self.assets.irises[f"{names[rng.integers(len(names))]}_eye"][..., :3])
        gray = texture.mean(2, keepdims=True)
        texture = gray + (texture - gray) * np.float32(rng.uniform(0.35, 0.8))
        return np.asarray(texture * np.float32(rng.uniform(0.4, 0.7)), np.float32)

    def _brows_and_lashes(
        self, base: np.ndarray, brows: np.ndarray, brow_name: str, color: np.ndarray, person: Person, pose: Pose,
        offset: np.ndarray, rng: Generator,
    ) -> list[Layer]:  # fmt: skip
        assets = self.assets
        names = sorted(assets.lashes)
        lashes = assets.lashes[names[rng.integers(len(names))]]
        strength = rng.uniform(0.5, 1) if person.male < 0.5 else rng.uniform(0.15, 0.5)
        brow_color = np.minimum(color * rng.uniform(0.4, 1), 0.12)
        return [
            hairs.brow_layer(assets.brows[brow_name], pose(brows) + offset, brow_color, rng.uniform(0.45, 1)),
            hairs.lash_layer(lashes, pose(lashes.proxy.fit(base)) + offset, strength),
        ]

    def _hair(
        self, base: np.ndarray, skin: np.ndarray, person: Person, color: np.ndarray, hat_height: float,
        down: np.ndarray, pose: Pose, offset: np.ndarray, rng: Generator,
    ) -> list[Layer]:  # fmt: skip
        """Return beard and hair. Under a hat there is none above its height."""
        config, assets = self.config, self.assets
        layers = []
        normals = vertex_normals(skin, assets.skin_triangles)
        if person.male > 0.5 and person.age > 0.42 and rng.random() < config.beard * 0.6:
            layers += hairs.beard_layers(assets, skin, normals, self.rest, color, down, rng)
        short = rng.random() < (0.3 if person.male > 0.5 else 0.06)
        if rng.random() < config.hair and hat_height > -1:
            mask = hairs.scalp_mask(self.rest, rng.uniform(7.85, 8.1) + 0.12 * max(0, person.age - 0.6) * person.male)
            mask = mask * (self.rest[:, 1] < hat_height)
            length = np.full(len(skin), rng.uniform(0.02, 0.14) if short else 0.05)
            layers += hairs.fur_layers(skin, normals, assets.skin_triangles, assets.skin_uv, mask, length,
                                       rng.uniform(0.5, 1), color, 0.3 * down, int(rng.integers(2**31)))  # fmt: skip
        for layer in layers:
            layer.vertices = pose(layer.vertices, self.rest) + offset
            layer.normals = pose.head.apply(normals) * [1, -1, -1]
        if not short and hat_height > -1 and rng.random() < config.hair:
            names = sorted(assets.hair)
            female = {"bob02", "long01"}
            weights = np.array([1.0 if (name in female) == (person.male < 0.5) else 0.3 for name in names])
            part = assets.hair[names[rng.choice(len(names), p=weights / weights.sum())]]
            rest = part.proxy.fit(self.average)
            vertices = part.proxy.fit(base)
            layers.append(
                hairs.hair_layer(
                    part,
                    pose(vertices, rest) + offset,
                    color,
                    (rest[:, 1] < hat_height) & ((hat_height > 9) | (rest[:, 2] < 0.95)),
                )
            )
        return layers

    def _items(
        self, base: np.ndarray, skin: np.ndarray, texture: np.ndarray, scale: float, masked: bool, rng: Generator
    ) -> tuple[list[Item], float]:
        """Return what is worn or held, and the height above which a hat hides hair."""
        config, wardrobe = self.config, self.wardrobe
        items: list[Item] = []
        hat_height = 99.0
        if rng.random() < config.glasses:
            eyes = pupils(base, np.array([0.0, 0, 1]))
            items += wardrobe.glasses(skin, eyes, rng.random() < config.dark_glasses, rng)
        if rng.random() < config.hat:
            parts, hat_height = wardrobe.hat(skin, HATS[rng.integers(len(HATS))], rng)
            items += parts
        if masked:
            items.append(wardrobe.mask(skin, rng))
        normals = vertex_normals(skin, self.assets.skin_triangles)
        front = np.flatnonzero((self.rest[:, 2] > 0.9) & (self.rest[:, 1] > 6.3) & (self.rest[:, 1] < 7.9))
        if rng.random() < config.hand:
            place = front[rng.integers(len(front))]
            tone = texture * np.float32(rng.uniform(0.8, 1.2))
            normal = _forwards(normals[place])
            items.append(wardrobe.hand(self.average, skin[place], normal, tone, scale, rng))
        if rng.random() < config.thing:
            place = front[rng.integers(len(front))]
            items.append(thing(skin[place], _forwards(normals[place]), cloth_texture(rng), rng))
        return items, hat_height

    def _finish(self, rendering: Rendering, pixels: np.ndarray, rng: Generator) -> np.ndarray:
        """Put the face before a background and spoil the image as a camera does."""
        config = self.config
        size = config.size
        background = sample_background(size, config, rng)
        small = cv2.resize(np.dstack([rendering.color, rendering.opacity]), (size, size), interpolation=cv2.INTER_AREA)
        linear = small[..., :3] + (1 - small[..., 3:]) * background * np.float32(0.8)
        face = np.zeros((size, size), np.uint8)
        cv2.fillConvexPoly(face, cv2.convexHull((pixels / config.supersampling).astype(np.int32)), 1)
        return spoil(expose(linear, face > 0, config, rng), config, rng)


def head_width(base: np.ndarray) -> float:
    """Return the width of the head of a base mesh (V, 3), between the vertices that MakeHuman's proxies use."""
    return float(np.linalg.norm(base[5399] - base[11998]))


def _forwards(normal: np.ndarray) -> np.ndarray:
    """Return a direction between a normal and straight ahead."""
    mixed = 0.5 * normal + np.array([0, 0, 0.7])
    return np.asarray(mixed / np.linalg.norm(mixed))


def sample_rotation(config: Config, rng: Generator) -> Rotation:
    """Draw the rotation of the head."""
    yaw = rng.uniform(-95, 95) if rng.random() < config.wide_pose else np.clip(rng.normal(0, 16), -60, 60)
    pitch = float(np.clip(rng.normal(0, 11), -40, 40))
    roll = rng.uniform(-180, 180) if rng.random() < config.any_roll else rng.normal(0, 10)
    return Rotation.from_euler("ZYX", [roll, np.clip(yaw, -89, 89), pitch], degrees=True)


def sample_body(head: Rotation, rng: Generator) -> Rotation:
    """Draw the rotation of the body: that of the head, but for a turn of the neck."""
    turn = np.clip(rng.normal(0, [12, 18, 8]), -40, 40)
    roll, yaw, pitch = head.as_euler("ZYX", degrees=True)
    share = rng.uniform(0.3, 1)
    roll = roll * rng.uniform(0, 0.5) if abs(roll) < 40 else roll
    yaw = yaw * (share if abs(yaw) < 60 else 0.6)
    return Rotation.from_euler("ZYX", np.array([roll, yaw, 0.3 * pitch]) + turn * [0.5, 0.3, 0.3], degrees=True)


def find_visibility(points: np.ndarray, camera: Projection, rendering: Rendering, kinds: list[str]) -> np.ndarray:
    """Return the visibility of points before the camera, int (N,), from the depth buffer.

    Args:
        points: (N, 3).
        camera: The camera.
        rendering: The picture.
        kinds: Kinds of the surfaces.
    """
    size = rendering.depth.shape[0]
    result = np.full(len(points), VISIBLE)
    pixels = np.round(camera(points)).astype(int)
    for number, (x, y) in enumerate(pixels):
        rows, columns = slice(max(0, y - 2), y + 3), slice(max(0, x - 2), x + 3)
        if x < 0 or y < 0 or x >= size or y >= size:
            result[number] = HIDDEN_BY_THING
            continue
        seen = 1 / np.maximum(rendering.depth[rows, columns], 1e-6)
        behind = points[number, 2] - seen
        if (behind > TOLERANCE).all():
            around = rendering.kinds[rows, columns]
            nearest = kinds[around.ravel()[np.argmin(seen)]]
            result[number] = HIDDEN_BY_FACE if nearest in OWN_PARTS else HIDDEN_BY_THING
        elif rendering.hair[rows, columns].mean() > 0.5:
            result[number] = HIDDEN_BY_THING
    return result
