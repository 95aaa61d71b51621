"""Sampling of accessories: hats, glasses, masks, hands and other objects."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from facelattice_synthetic.accessory_meshes import Accessory
from facelattice_synthetic.cloth import HATS, ClothFitter
from facelattice_synthetic.config import Config
from facelattice_synthetic.glasses import sample_glasses
from facelattice_synthetic.landmarks import pupils
from facelattice_synthetic.meshes import vertex_normals
from facelattice_synthetic.noise import cloth_texture
from facelattice_synthetic.occluders import sample_hand, sample_object
from facelattice_synthetic.pose import Pose
from facelattice_synthetic.scene import Layer, Surface


class AccessorySampler:
    """Draws the accessories of a face.

    Args:
        cloth: Makes hats and masks.
        average: (V, 3), vertices of the average base mesh.
        config: Probabilities.
    """

    def __init__(self, cloth: ClothFitter, average: np.ndarray, config: Config) -> None:
        self.cloth, self.average, self.config = cloth, average, config

    def __call__(
        self, base: np.ndarray, skin: np.ndarray, texture: np.ndarray, scale: float, masked: bool, rng: Generator
    ) -> tuple[list[Accessory], float]:
        """Draw the accessories.

        Args:
            base: (V, 3), vertices of the base mesh.
            skin: (W, 3), vertices of the head's skin.
            texture: The skin's texture, for hands.
            scale: Size of the head, 1 for an adult.
            masked: Whether the face has a mask.
            rng: Random numbers.

        Returns:
            Their meshes, and the height on the average head under which hair shows.
        """
        assets, rest, config = self.cloth.assets, self.cloth.rest, self.config
        accessories: list[Accessory] = []
        hair_height = math.inf
        if rng.random() < config.glasses:
            eyes = pupils(base, np.array([0.0, 0, 1]))
            accessories += sample_glasses(skin, rest, eyes, rng.random() < config.dark_glasses, rng)
        if rng.random() < config.hat:
            hat, hair_height = self.cloth.sample_hat(skin, HATS[rng.integers(len(HATS))], rng)
            accessories += hat
        if masked:
            accessories.append(self.cloth.sample_mask(skin, rng))
        normals = vertex_normals(skin, assets.skin_triangles)
        front = np.flatnonzero((rest[:, 2] > 0.9) & (rest[:, 1] > 6.3) & (rest[:, 1] < 7.9))
        if rng.random() < config.hand:
            place = front[rng.integers(len(front))]
            tone = texture * np.float32(rng.uniform(0.8, 1.2))
            normal = _away_from_face(normals[place])
            accessories.append(sample_hand(assets, self.average, skin[place], normal, tone, scale, rng))
        if rng.random() < config.object:
            place = front[rng.integers(len(front))]
            normal = _away_from_face(normals[place])
            accessories.append(sample_object(skin[place], normal, cloth_texture(rng), rng))
        return accessories, hair_height


def place_accessories(accessories: list[Accessory], pose: Pose) -> tuple[list[Surface], list[Layer]]:
    """Return the opaque accessories as surfaces before the camera, and the others, lenses, as layers.

    Clear lenses don't hide landmarks, dark ones do.
    """
    surfaces, layers = [], []
    for item in accessories:
        vertices = pose.apply(item.vertices, item.rest)
        if item.texture.shape[2] == 4:
            hides = bool(item.texture[0, 0, 3] > 0.5)
            layers.append(Layer(vertices, item.triangles, item.uv, item.texture, np.ones(len(vertices)), hides=hides,
                                casts_shadow=False))  # fmt: skip
        else:
            surfaces.append(Surface(item.kind, vertices, item.triangles, item.uv, item.texture, item.specular))
    return surfaces, layers


def _away_from_face(normal: np.ndarray) -> np.ndarray:
    """Return a unit direction between a normal and straight ahead."""
    mixed = 0.5 * normal + np.array([0, 0, 0.7])
    return np.asarray(mixed / np.linalg.norm(mixed))
