"""Painting of the skin, pixel by pixel: noise, wrinkles, make-up, stubble, and the clothes below the neck."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facelattice_synthetic.assets import Assets
from facelattice_synthetic.noise import fractal_noise
from facelattice_synthetic.skin import Skin, beard_mask

NOISE_SIZE = 512


@dataclass(frozen=True)
class SkinImage:
    """The skin of the head in an image. Its painting methods work in place.

    Attributes:
        albedo: float32 (S, S, 3), linear color.
        specular: float32 (S, S), strength of the highlights.
        bump: float32 (S, S), height in decimeters.
        rest: float32 (S, S, 3), positions on the average head.
        uv: float32 (S, S, 2), texture coordinates.
        mask: bool (S, S), pixels of the skin of the head.
    """

    albedo: np.ndarray
    specular: np.ndarray
    bump: np.ndarray
    rest: np.ndarray
    uv: np.ndarray
    mask: np.ndarray

    @property
    def side(self) -> np.ndarray:
        """Distance from the middle of the face in decimeters: (S, S)."""
        return np.abs(self.rest[..., 0])

    def sample(self, texture: np.ndarray, scale: float = 1.0) -> np.ndarray:
        """Return a texture (H, W) or (H, W, C), repeated `scale` times, at each pixel."""
        pixels = (self.uv * (scale * texture.shape[1]) - 0.5).astype(np.float32)
        return np.asarray(
            cv2.remap(texture, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        )

    def spot(self, x: float, y: float, x_radius: float, y_radius: float) -> np.ndarray:
        """Return soft spots (S, S) on the front of both sides of the face, 1 at their centers."""
        squares = ((self.side - x) / x_radius) ** 2 + ((self.rest[..., 1] - y) / y_radius) ** 2
        return np.asarray(np.exp(-0.5 * squares) * (self.rest[..., 2] > 0.7))

    def cover(self, opacity: np.ndarray, color: np.ndarray) -> None:
        """Blend a color (3,) over the skin."""
        opacity = (opacity * self.mask)[..., None]
        self.albedo[...] = self.albedo * (1 - opacity) + opacity * color

    def multiply_albedo(self, factors: np.ndarray) -> None:
        """Multiply the color of the skin by factors (S, S, 1) or (S, S, 3)."""
        self.albedo[...] *= np.where(self.mask[..., None], factors, 1)

    def multiply_specular(self, factors: np.ndarray) -> None:
        """Multiply the strength of the highlights of the skin by factors (S, S)."""
        self.specular[...] *= np.where(self.mask, factors, 1)


class SkinPainter:
    """Paints a person's skin.

    Args:
        skin: Its appearance.
        assets: The assets with the masks of lips, eyelids and the inside of the mouth in the texture.
    """

    def __init__(self, skin: Skin, assets: Assets) -> None:
        self.skin = skin
        self.lip_mask, self.lid_mask, self.mouth_mask = assets.lip_mask, assets.lid_mask, assets.mouth_mask
        rng = np.random.default_rng(skin.seed)
        shape = (NOISE_SIZE, NOISE_SIZE)
        self.fine = rng.normal(size=shape).astype(np.float32)
        self.coarse = fractal_noise(shape, 6, rng, 5, 0.6)
        self.spots = (cv2.GaussianBlur(rng.normal(size=shape).astype(np.float32), (0, 0), 1.5) * 5).clip(0)

    def paint(self, image: SkinImage) -> np.ndarray:
        """Paint the skin; return the pixels that clothes cover: bool (S, S)."""
        patches = image.sample(self.coarse, 1.5)
        self._paint_surface(image, patches)
        if self.skin.wrinkles:
            heights = self.skin.wrinkles * wrinkle_heights(image.side, image.rest[..., 1], patches)
            image.bump[...] += np.where(image.mask, heights, 0)
        self._paint_make_up(image)
        self._paint_cavities(image)
        return self._paint_clothes(image)

    def _paint_surface(self, image: SkinImage, patches: np.ndarray) -> None:
        """Paint patches, pores, shine on nose and forehead, red cheeks, and freckles."""
        skin, pores = self.skin, image.sample(self.fine, 5.0)
        image.multiply_albedo(np.exp(0.05 * patches + 0.035 * pores * skin.pores)[..., None])
        image.multiply_specular(np.clip(1 + 0.35 * patches, 0.2, 2))
        image.multiply_specular(1 + 0.9 * image.spot(0, 7.1, 0.1, 0.2) + 0.7 * image.spot(0, 7.75, 0.3, 0.12))
        red = image.spot(0.35, 6.98, 0.16, 0.14) + image.spot(0, 6.98, 0.09, 0.07)
        image.multiply_albedo(1 + red[..., None] * np.array([0.06, -0.05, -0.05], np.float32))
        image.bump[...] += np.where(image.mask, 0.0012 * pores * skin.pores, 0)
        if skin.freckles:
            dots = np.clip(image.sample(self.spots, 7.0) - 0.6, 0, 1) * (image.spot(0.25, 7.08, 0.28, 0.2) + 0.1)
            image.multiply_albedo(1 - np.clip(skin.freckles * dots, 0, 0.6)[..., None] * [0.5, 0.7, 0.8])

    def _paint_make_up(self, image: SkinImage) -> None:
        """Paint dark circles under the eyes, lipstick, eye shadow, blush and stubble."""
        skin = self.skin
        circles = 0.35 * skin.circles * image.spot(0.29, 7.22, 0.13, 0.055)
        image.multiply_albedo(1 - circles[..., None] * [0.7, 0.9, 0.8])
        lips, lids = image.sample(self.lip_mask), image.sample(self.lid_mask)
        image.cover(lips * skin.lips[1], skin.lips[0])
        image.multiply_specular(1 + lips * (0.8 + 2 * skin.lips[1]))
        image.cover(cv2.GaussianBlur(lids, (0, 0), 2) * skin.lids[1], skin.lids[0])
        image.cover(image.spot(0.42, 7.02, 0.11, 0.09) * skin.blush[1], skin.blush[0])
        if skin.stubble:
            grain = 0.75 + 0.25 * np.clip(image.sample(self.fine, 6.0), -1, 1)
            image.cover(0.65 * skin.stubble * beard_mask(image.rest) * grain, 0.6 * skin.hair_color + 0.01)

    def _paint_cavities(self, image: SkinImage) -> None:
        """Darken the nostrils and the inside of the mouth."""
        nostrils = image.spot(0.088, 6.938, 0.028, 0.018) * (image.rest[..., 2] < 1.47)
        image.multiply_albedo((1 - 0.8 * nostrils)[..., None])
        inside = image.sample(self.mouth_mask) * image.mask
        image.albedo[...] *= 1 - inside[..., None] * np.array([0.75, 0.85, 0.85], np.float32)
        image.specular[...] *= 1 - 0.7 * inside

    def _paint_clothes(self, image: SkinImage) -> np.ndarray:
        """Paint the clothes; return their pixels: bool (S, S)."""
        low, rise = self.skin.neckline
        edge = low + rise * np.minimum(image.side, 1.2) + 0.04 * np.sin(6 * image.rest[..., 0])
        cloth = image.mask & (image.rest[..., 1] < edge)
        image.albedo[cloth] = image.sample(self.skin.cloth, 3.0)[cloth]
        image.specular[cloth] = 0.02
        image.bump[cloth] = 0
        return np.asarray(cloth)


def wrinkle_heights(side: np.ndarray, y: np.ndarray, patches: np.ndarray) -> np.ndarray:
    """Return heights (S, S) of the wrinkles of an old face in decimeters: forehead, eye corners, beside the mouth.

    Args:
        side: (S, S), distance from the middle of the average face.
        y: (S, S), height on the average head.
        patches: (S, S), noise that makes the wrinkles uneven.
    """
    forehead = np.exp(-0.5 * ((side / 0.38) ** 4 + ((y - 7.78) / 0.13) ** 4))
    heights = 0.006 * np.sin(2 * np.pi * (y + 0.02 * patches + 0.06 * side**2) / 0.075) * forehead
    heights *= np.clip(0.6 + 0.6 * patches, 0, 1.5)
    eye_corner = np.exp(-0.5 * (((side - 0.52) / 0.05) ** 2 + ((y - 7.34) / 0.08) ** 2))
    heights += 0.005 * np.sin(2 * np.pi * (y - 7.34) / 0.04) * eye_corner
    fold_x = np.interp(y, [6.6, 6.75, 6.9, 7.0], [0.3, 0.27, 0.21, 0.17])
    fold = np.exp(-0.5 * ((side - fold_x) / 0.018) ** 2) * np.exp(-0.5 * ((y - 6.8) / 0.13) ** 4)
    return np.asarray(heights - 0.014 * fold, np.float32)
