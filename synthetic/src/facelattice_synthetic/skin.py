"""Appearance of the skin of a person: tint, make-up, stubble, freckles, wrinkles, and clothes below the neck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from facelattice_synthetic.assets import Assets
from facelattice_synthetic.config import Config
from facelattice_synthetic.head import Person
from facelattice_synthetic.noise import cloth_texture, to_linear


@dataclass(frozen=True)
class Skin:
    """A person's skin.

    Attributes:
        texture: float32 (H, W, 3), linear color.
        specular: Strength of the highlights.
        shininess: Exponent of the highlights.
        lips: Linear color and opacity of lipstick.
        lids: Color and opacity of eye shadow.
        blush: Color and opacity on the cheeks.
        stubble: Opacity of short hairs of a beard.
        hair_color: (3,), linear.
        freckles: Strength of freckles.
        wrinkles: Strength of wrinkles.
        pores: Strength of pores.
        circles: Strength of dark circles under the eyes.
        neckline: Height of the upper edge of the clothes in front, and its rise per decimeter to the side.
        cloth: float32 (S, S, 3), linear color of the clothes.
        seed: Seed of the noise.
    """

    texture: np.ndarray
    specular: float
    shininess: float
    lips: tuple[np.ndarray, float]
    lids: tuple[np.ndarray, float]
    blush: tuple[np.ndarray, float]
    stubble: float
    hair_color: np.ndarray
    freckles: float
    wrinkles: float
    pores: float
    circles: float
    neckline: tuple[float, float]
    cloth: np.ndarray
    seed: int


def sample_skin(assets: Assets, person: Person, config: Config, hair_color: np.ndarray, rng: Generator) -> Skin:
    """Draw the skin of a person.

    Args:
        assets: The 3D assets.
        person: Sets the texture, and the probability of make-up, stubble and wrinkles.
        config: Probabilities.
        hair_color: (3,), linear, for stubble.
        rng: Random numbers.
    """
    texture = _blend_textures(assets, person, rng)
    tint = np.exp(rng.normal(0, 0.22) + rng.normal(0, [0.04, 0.05, 0.08]))
    mean = texture.reshape(-1, 3).mean(0)
    texture = np.clip(mean + (texture - mean) * rng.uniform(0.85, 1.25), 0.004, 1) * tint
    gray = texture.mean(2, keepdims=True)
    texture = gray + (texture - gray) * rng.uniform(0.65, 0.95) * (1 - 0.2 * person.groups[0])
    female = person.male < 0.5
    painted = female and person.age > 0.4 and rng.random() < config.make_up
    red = np.array([rng.uniform(0.15, 0.65), rng.uniform(0.01, 0.15), rng.uniform(0.02, 0.2)])
    shadow = rng.uniform(0.02, 0.4, 3)
    stubble = rng.beta(1, 2) * 0.8 if not female and person.age > 0.42 and rng.random() < config.stubble else 0.0
    return Skin(
        texture=texture.astype(np.float32),
        specular=rng.uniform(0.05, 0.4),
        shininess=rng.uniform(8, 40),
        lips=(red, rng.uniform(0.2, 0.85) * painted),
        lids=(shadow, rng.uniform(0, 0.7) * painted),
        blush=(np.array([0.6, 0.12, 0.12]), rng.uniform(0, 0.3) * (painted or rng.random() < 0.3)),
        stubble=stubble,
        hair_color=hair_color,
        freckles=rng.uniform(0.2, 0.8) if rng.random() < 0.15 else 0.0,
        wrinkles=float(np.clip((person.age - 0.5) * 2.2 + rng.normal(0, 0.15), 0, 1)),
        pores=rng.uniform(0.2, 1.2),
        circles=rng.uniform(0, 0.5),
        neckline=(rng.uniform(5.2, 5.95), rng.uniform(0, 0.5)),
        cloth=cloth_texture(rng),
        seed=int(rng.integers(2**31)),
    )


def _blend_textures(assets: Assets, person: Person, rng: Generator) -> np.ndarray:
    """Return the mean of two of MakeHuman's skins that fit age, sex and group, in linear color."""
    age = "young" if person.age < 0.62 else "middleage" if person.age < 0.8 else "old"
    sex = "female" if person.male < 0.5 else "male"
    dark = f"{age}_darkskinned_{sex}"
    light = [name for name in assets.skins if name.startswith(f"{age}_lightskinned_{sex}")]
    share = float(np.clip(person.groups[0] * 1.1 + 0.08 * person.groups[1] + rng.normal(0, 0.08), 0, 1))
    first = to_linear(assets.skins[light[rng.integers(len(light))]][..., :3])
    if share < 0.05:
        return first
    return np.exp((1 - share) * np.log(first + 1e-3) + share * np.log(to_linear(assets.skins[dark][..., :3]) + 1e-3))


def beard_mask(rest: np.ndarray) -> np.ndarray:
    """Return the density of a beard at places on the average head (..., 3): 0 to 1."""
    x, y, z = np.abs(rest[..., 0]), rest[..., 1], rest[..., 2]
    edge = np.interp(x, [0, 0.1, 0.2, 0.3, 0.45, 0.58, 0.7], [6.86, 6.87, 6.83, 6.75, 6.78, 6.95, 7.2])
    upper = np.clip((edge - y) / 0.07, 0, 1)
    lower = np.clip((y - 6.12 - 0.25 * np.clip(1.0 - z, 0, 1)) / 0.12, 0, 1)
    front = np.clip((z - 0.58) / 0.1, 0, 1)
    lip = np.exp(-0.5 * ((x / 0.2) ** 4 + ((y - 6.66) / 0.085) ** 4))
    bare = np.exp(-0.5 * ((x - 0.14) / 0.06) ** 2 - 0.5 * ((y - 6.51) / 0.03) ** 2)  # beside the tuft under the lip
    return np.asarray(upper * lower * front * (1 - lip) * (1 - 0.6 * bare))
