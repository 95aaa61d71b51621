"""Skin: tint, make-up, stubble, freckles, wrinkles, and clothes below the neck."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from facelattice_synthetic.assets import Assets
from facelattice_synthetic.config import Config
from facelattice_synthetic.head import Person
from facelattice_synthetic.noise import cloth_texture, fractal_noise, to_linear

NOISE_SIZE = 512


@dataclass(frozen=True)
class Skin:
    """A person's skin.

    Attributes:
        texture: float32 (H, W, 3), linear color.
        specular: Strength of the highlights.
        shininess: Their exponent.
        lips: Color and opacity of lipstick.
        lids: Color and opacity of eye shadow.
        blush: Color and opacity on the cheeks.
        stubble: Opacity of short hairs of a beard.
        hair_color: (3,), linear.
        freckles: Strength.
        wrinkles: Strength.
        pores: Strength.
        circles: Strength of dark circles under the eyes.
        neckline: Height of the clothes' upper edge in front, and how much higher they are at the shoulders.
        cloth: float32 (S, S, 3).
        seed: For the noise.
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
    """Draw the skin of a person."""
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
        texture.astype(np.float32),
        rng.uniform(0.05, 0.4),
        rng.uniform(8, 40),
        (red, rng.uniform(0.2, 0.85) * painted),
        (shadow, rng.uniform(0, 0.7) * painted),
        (np.array([0.6, 0.12, 0.12]), rng.uniform(0, 0.3) * (painted or rng.random() < 0.3)),
        stubble,
        hair_color,
        rng.uniform(0.2, 0.8) if rng.random() < 0.15 else 0.0,
        float(np.clip((person.age - 0.5) * 2.2 + rng.normal(0, 0.15), 0, 1)),
        rng.uniform(0.2, 1.2),
        rng.uniform(0, 0.5),
        (rng.uniform(5.2, 5.95), rng.uniform(0, 0.5)),
        cloth_texture(rng),
        int(rng.integers(2**31)),
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
    """Return how much beard grows at places on the average head (..., 3): 0 to 1."""
    x, y, z = np.abs(rest[..., 0]), rest[..., 1], rest[..., 2]
    edge = np.interp(x, [0, 0.1, 0.2, 0.3, 0.45, 0.58, 0.7], [6.86, 6.87, 6.83, 6.75, 6.78, 6.95, 7.2])
    upper = np.clip((edge - y) / 0.07, 0, 1)
    lower = np.clip((y - 6.12 - 0.25 * np.clip(1.0 - z, 0, 1)) / 0.12, 0, 1)
    front = np.clip((z - 0.58) / 0.1, 0, 1)
    lip = np.exp(-0.5 * ((x / 0.2) ** 4 + ((y - 6.66) / 0.085) ** 4))
    bare = np.exp(-0.5 * ((x - 0.14) / 0.06) ** 2 - 0.5 * ((y - 6.51) / 0.03) ** 2)  # beside the tuft under the lip
    return np.asarray(upper * lower * front * (1 - lip) * (1 - 0.6 * bare))


class SkinPainter:
    """Paints a person's skin pixel by pixel: noise, make-up, wrinkles, stubble, and the clothes below the neck.

    Args:
        skin: How it looks.
        assets: Give the places of lips, eyelids and the inside of the mouth in the texture.
    """

    def __init__(self, skin: Skin, assets: Assets) -> None:
        self.skin = skin
        self.lip_mask, self.lid_mask, self.mouth_mask = assets.lip_mask, assets.lid_mask, assets.mouth_mask
        rng = np.random.default_rng(skin.seed)
        self.fine = rng.normal(size=(NOISE_SIZE, NOISE_SIZE)).astype(np.float32)
        self.coarse = fractal_noise((NOISE_SIZE, NOISE_SIZE), 6, rng, 5, 0.6)
        self.spots = (
            cv2.GaussianBlur(rng.normal(size=(NOISE_SIZE, NOISE_SIZE)).astype(np.float32), (0, 0), 1.5) * 5
        ).clip(0)

    def paint(
        self, albedo: np.ndarray, specular: np.ndarray, bump: np.ndarray, rest: np.ndarray, uv: np.ndarray,
        here: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Change colors, highlights and heights in place.

        Args:
            albedo: float32 (S, S, 3), linear color.
            specular: float32 (S, S), strength of the highlights.
            bump: float32 (S, S), height in decimeters.
            rest: float32 (S, S, 3), places on the average head.
            uv: float32 (S, S, 2), texture coordinates.
            here: bool (S, S), pixels of the skin of the head.

        Returns:
            The pixels that are covered by clothes: bool (S, S).
        """
        skin = self.skin
        x, y, z = rest[..., 0], rest[..., 1], rest[..., 2]
        side = np.abs(x)

        def sample(image: np.ndarray, scale: float = 1.0) -> np.ndarray:
            columns = image.shape[1]
            places = (uv * (scale * columns) - 0.5).astype(np.float32)
            return cv2.remap(image, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)

        def spot(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
            return np.exp(-0.5 * (((side - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)) * (z > 0.7)

        def cover(share: np.ndarray, color: np.ndarray) -> None:
            share = (share * here)[..., None]
            albedo[...] = albedo * (1 - share) + share * color

        pores, patches = sample(self.fine, 5.0), sample(self.coarse, 1.5)
        albedo *= np.where(here, np.exp(0.05 * patches + 0.035 * pores * skin.pores), 1)[..., None]
        specular *= np.where(here, np.clip(1 + 0.35 * patches, 0.2, 2), 1)
        specular *= np.where(here, 1 + 0.9 * spot(0, 7.1, 0.1, 0.2) + 0.7 * spot(0, 7.75, 0.3, 0.12), 1)
        red = spot(0.35, 6.98, 0.16, 0.14) + spot(0, 6.98, 0.09, 0.07)
        albedo *= np.where(here[..., None], 1 + red[..., None] * np.array([0.06, -0.05, -0.05], np.float32), 1)
        bump += np.where(here, 0.0012 * pores * skin.pores, 0)
        if skin.freckles:
            dots = np.clip(sample(self.spots, 7.0) - 0.6, 0, 1) * (spot(0.25, 7.08, 0.28, 0.2) + 0.1)
            albedo *= np.where(
                here[..., None], 1 - np.clip(skin.freckles * dots, 0, 0.6)[..., None] * [0.5, 0.7, 0.8], 1
            )
        if skin.wrinkles:
            bump += np.where(here, skin.wrinkles * self._wrinkles(side, y, patches), 0)
        circles = 0.35 * skin.circles * spot(0.29, 7.22, 0.13, 0.055)
        albedo *= np.where(here[..., None], 1 - circles[..., None] * [0.7, 0.9, 0.8], 1)
        lips, lids = sample(self.lip_mask), sample(self.lid_mask)
        cover(lips * skin.lips[1], skin.lips[0])
        specular *= np.where(here, 1 + lips * (0.8 + 2 * skin.lips[1]), 1)
        cover(cv2.GaussianBlur(lids, (0, 0), 2) * skin.lids[1], skin.lids[0])
        cover(spot(0.42, 7.02, 0.11, 0.09) * skin.blush[1], skin.blush[0])
        if skin.stubble:
            grain = 0.75 + 0.25 * np.clip(sample(self.fine, 6.0), -1, 1)
            cover(0.65 * skin.stubble * beard_mask(rest) * grain, 0.6 * skin.hair_color + 0.01)
        nostrils = spot(0.088, 6.938, 0.028, 0.018) * (z < 1.47)
        albedo *= np.where(here, 1 - 0.8 * nostrils, 1)[..., None]
        inside = sample(self.mouth_mask) * here
        albedo *= 1 - inside[..., None] * np.array([0.75, 0.85, 0.85], np.float32)
        specular *= 1 - 0.7 * inside
        low, rise = skin.neckline
        cloth = here & (y < low + rise * np.minimum(side, 1.2) + 0.04 * np.sin(6 * x))
        albedo[cloth] = sample(skin.cloth, 3.0)[cloth]
        specular[cloth] = 0.02
        bump[cloth] = 0
        return np.asarray(cloth)

    @staticmethod
    def _wrinkles(side: np.ndarray, y: np.ndarray, patches: np.ndarray) -> np.ndarray:
        """Return heights of the lines of an old face: forehead, eye corners, beside the mouth."""
        forehead = np.exp(-0.5 * ((side / 0.38) ** 4 + ((y - 7.78) / 0.13) ** 4))
        lines = 0.006 * np.sin(2 * np.pi * (y + 0.02 * patches + 0.06 * side**2) / 0.075) * forehead
        lines *= np.clip(0.6 + 0.6 * patches, 0, 1.5)
        crow = np.exp(-0.5 * (((side - 0.52) / 0.05) ** 2 + ((y - 7.34) / 0.08) ** 2))
        lines += 0.005 * np.sin(2 * np.pi * (y - 7.34) / 0.04) * crow
        fold_x = np.interp(y, [6.6, 6.75, 6.9, 7.0], [0.3, 0.27, 0.21, 0.17])
        fold = np.exp(-0.5 * ((side - fold_x) / 0.018) ** 2) * np.exp(-0.5 * ((y - 6.8) / 0.13) ** 4)
        return np.asarray(lines - 0.014 * fold, np.float32)
