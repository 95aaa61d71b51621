"""Lights of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from facelattice_synthetic.config import Config
from facelattice_synthetic.panorama import PanoramaView


@dataclass(frozen=True)
class Light:
    """A distant light.

    Attributes:
        direction: (3,), unit vector towards the light, in the camera's coordinates.
        color: (3,), linear.
        softness: 0 for hard shadows, 1 for a wide light without shadows.
    """

    direction: np.ndarray
    color: np.ndarray
    softness: float


@dataclass(frozen=True)
class TwoColors:
    """Ambient light of one color from above and of another from below.

    Attributes:
        above: (3,), linear.
        below: (3,), linear.
    """

    above: np.ndarray
    below: np.ndarray

    def ambient(self, normals: np.ndarray) -> np.ndarray:
        """Return the light (..., 3) on surfaces, from their unit normals (..., 3) before the camera."""
        return np.asarray(self.below + (self.above - self.below) * (0.5 - 0.5 * normals[..., 1:2]), np.float32)


@dataclass(frozen=True)
class Lights:
    """All lights.

    Attributes:
        distant: The distant lights. The first casts shadows.
        surroundings: Source of the ambient light.
    """

    distant: list[Light]
    surroundings: TwoColors | PanoramaView


def sample_lights(config: Config, view: PanoramaView | None, rng: Generator) -> Lights:
    """Draw the lights. The ambient light is that of the panorama, if there is one."""
    hard = rng.random() < config.hard_light
    warmth = rng.normal(0, 0.09)
    white = np.exp(np.array([warmth, 0, -warmth]))
    if rng.random() < config.colored_light:
        white = white * np.exp(rng.normal(0, 0.5, 3))
    strength = rng.uniform(1.2, 6) if hard else rng.uniform(0.2, 1.5)
    direction = _sample_direction(rng, 0.9)
    distant = [Light(direction, white * strength, rng.uniform(0, 0.25) if hard else rng.uniform(0.25, 1.1))]
    for _ in range(rng.integers(0, 3)):
        color = np.exp(rng.normal(0, 0.15, 3)) * rng.uniform(0.1, 0.6)
        distant.append(Light(_sample_direction(rng, 1.5), color, rng.uniform(0.4, 1)))
    if rng.random() < 0.15:  # from behind
        direction = np.array([rng.choice([-1, 1]) * rng.uniform(0.4, 1), -rng.uniform(0, 0.6), rng.uniform(0.3, 1)])
        distant.append(Light(direction / np.linalg.norm(direction), white * rng.uniform(0.5, 3), 0.3))
    above = np.exp(rng.normal(0, 0.12, 3) + np.array([-warmth / 2, 0, warmth / 2])) * rng.uniform(0.35, 0.8)
    below = np.exp(rng.normal(0, 0.2, 3)) * rng.uniform(0.12, 0.5)
    return Lights(distant, view or TwoColors(above, below))


def _sample_direction(rng: Generator, deviation: float) -> np.ndarray:
    """Draw the direction of a light (3,), mostly from above; the smaller the deviation, the more from the front."""
    direction = np.array([rng.normal(0, deviation), -abs(rng.normal(0.35, 0.5)), -1.0])
    if rng.random() < 0.08:
        direction[1] *= -1
    return direction / np.linalg.norm(direction)
