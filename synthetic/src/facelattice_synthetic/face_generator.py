"""Generation of one face: image, landmarks and visibility, determined by (seed, index)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from scipy.spatial.transform import Rotation

from facelattice_synthetic.accessories import AccessorySampler, place_accessories
from facelattice_synthetic.assets import AssetError, Assets
from facelattice_synthetic.background import sample_background
from facelattice_synthetic.camera import sample_camera
from facelattice_synthetic.cloth import ClothFitter
from facelattice_synthetic.config import Config
from facelattice_synthetic.hair import sample_brows_and_lashes, sample_hair, sample_hair_color
from facelattice_synthetic.head import (
    AVERAGE,
    NEUTRAL,
    Expression,
    Person,
    build_head,
    close_mouth,
    head_width,
    sample_expression,
    sample_person,
)
from facelattice_synthetic.inner_parts import sample_inner_parts
from facelattice_synthetic.landmarks import LandmarkModel
from facelattice_synthetic.lights import sample_lights
from facelattice_synthetic.panorama import PanoramaView, read_panoramas, sample_view
from facelattice_synthetic.photo import degrade, expose
from facelattice_synthetic.pose import Pose, sample_body_rotation, sample_head_rotation
from facelattice_synthetic.renderer import render
from facelattice_synthetic.scene import Rendering, Surface
from facelattice_synthetic.skin import sample_skin
from facelattice_synthetic.skin_painter import SkinPainter
from facelattice_synthetic.visibility import find_visibility

PANORAMAS = "panoramas"
"""Folder in the folder of assets."""


@dataclass(frozen=True)
class SyntheticFace:
    """A rendered face.

    Attributes:
        image: uint8 RGB (S, S, 3).
        points: float32 (98, 2), pixels of the image; whole numbers are pixel centers.
        visibility: int (98,): 0 visible, 1 hidden by an object or hair, 2 hidden by the face itself.
        jpeg_quality: Quality of the JPEG file.
    """

    image: np.ndarray
    points: np.ndarray
    visibility: np.ndarray
    jpeg_quality: int


class FaceGenerator:
    """Renders faces.

    Args:
        assets: The 3D assets.
        config: Probabilities and ranges of all variety.
        seed: Seed of all faces.

    Raises:
        AssetError: If there is no panorama, and the configuration asks for some.
    """

    def __init__(self, assets: Assets, config: Config, seed: int = 0) -> None:
        self.assets, self.config, self.seed = assets, config, seed
        self.panoramas = read_panoramas(assets.folder / PANORAMAS) if config.panorama else []
        if config.panorama and not self.panoramas:
            raise AssetError(
                f"{assets.folder / PANORAMAS}: no panoramas (.exr, .exr.js); see synthetic/README.md, or set panorama=0"
            )
        self.average = build_head(assets, AVERAGE, NEUTRAL)
        self.rest = assets.skin_matrix @ self.average
        self.landmarks = LandmarkModel(assets)
        self.sample_accessories = AccessorySampler(ClothFitter(assets, self.rest), self.average, config)

    def __call__(self, index: int) -> SyntheticFace:
        """Generate the face with an index."""
        return self.render(*self._sample(index))

    def head_rotation(self, index: int) -> Rotation:
        """Return the rotation of the head of the face with an index, without rendering it."""
        return self._sample(index)[2]

    def _sample(self, index: int) -> tuple[Person, Expression, Rotation, Generator]:
        """Draw the first arguments of `render` for the face with an index."""
        rng = np.random.default_rng([self.seed, index])
        person = sample_person(self.assets, self.config, rng)
        expression = sample_expression(self.config, rng)
        return person, expression, sample_head_rotation(self.config, rng), rng

    def render(self, person: Person, expression: Expression, rotation: Rotation, rng: Generator) -> SyntheticFace:
        """Render a person with random accessories, hair, lights, camera and background.

        Args:
            person: The person.
            expression: Facial actions and gaze; a mask closes the mouth.
            rotation: Rotation of the head.
            rng: Random numbers.
        """
        config, assets = self.config, self.assets
        masked = rng.random() < config.mask
        if masked:  # an open mouth would make a hole in the mask
            expression = close_mouth(expression)
        base = build_head(assets, person, expression)
        skin = assets.skin_matrix @ base
        scale = head_width(base) / head_width(self.average)
        body = sample_body_rotation(rotation, rng)
        pivot = base[assets.joints["neck"]].mean(0) * 0.6 + base[assets.joints["head"]].mean(0) * 0.4
        brow_name = sorted(assets.brows)[rng.integers(len(assets.brows))]
        brows = assets.brows[brow_name].proxy.fit(base)
        hair_color = sample_hair_color(person.age, person.groups, rng)
        skin_look = sample_skin(assets, person, config, hair_color, rng)
        accessories, hair_height = self.sample_accessories(base, skin, skin_look.texture, scale, masked, rng)

        distance = np.exp(rng.uniform(*np.log(config.distance))) * scale
        points = self.landmarks.locate(base, skin, brows, brow_name, expression.gaze)
        pose = Pose(rotation, body, pivot)
        # The center of the landmarks, without the pupils, is on the optical axis.
        pose = dataclasses.replace(pose, offset=np.array([0, 0, distance]) - pose.apply(points)[:-2].mean(0))
        points = pose.apply(points)
        size = config.size * config.supersampling
        camera = sample_camera(points, size, config, rng)
        posed_skin = pose.apply(skin, self.rest)
        points = self.landmarks.add_outline(points, posed_skin, camera, rotation)

        surfaces = [Surface("skin", posed_skin, assets.skin_triangles, assets.skin_uv, skin_look.texture,
                            skin_look.specular, skin_look.shininess, self.rest)]  # fmt: skip
        surfaces += sample_inner_parts(assets, base, person, expression, pose, rng)
        layers = sample_brows_and_lashes(assets, base, brows, brow_name, hair_color, person, pose, rng)
        accessory_surfaces, lenses = place_accessories(accessories, pose)
        surfaces += accessory_surfaces
        layers += lenses
        layers += sample_hair(assets, base, self.average, person, hair_color, hair_height, pose, config, rng)
        view = sample_view(self.panoramas, rng) if rng.random() < config.panorama else None
        lights = sample_lights(config, view, rng)
        rendering = render(surfaces, layers, lights, camera, size, SkinPainter(skin_look, assets))
        visibility = find_visibility(points, camera, rendering, [surface.kind for surface in surfaces])
        pixels = camera.project(points)
        image = self._take_photo(rendering, pixels, view, rng)
        pixels = (pixels + 0.5) / config.supersampling - 0.5
        jpeg_quality = int(rng.integers(*config.jpeg_quality, endpoint=True))
        return SyntheticFace(image, pixels.astype(np.float32), visibility, jpeg_quality)

    def _take_photo(
        self, rendering: Rendering, pixels: np.ndarray, view: PanoramaView | None, rng: Generator
    ) -> np.ndarray:
        """Put a rendered face before a background, and simulate its photo: uint8 (S, S, 3)."""
        config, size = self.config, self.config.size
        background = sample_background(size, view, config, rng)
        small = cv2.resize(np.dstack([rendering.color, rendering.opacity]), (size, size), interpolation=cv2.INTER_AREA)
        linear = small[..., :3] + (1 - small[..., 3:]) * background * np.float32(0.8)
        face = np.zeros((size, size), np.uint8)
        cv2.fillConvexPoly(face, cv2.convexHull((pixels / config.supersampling).astype(np.int32)), 1)
        return degrade(expose(linear, face > 0, config, rng), config, rng)
