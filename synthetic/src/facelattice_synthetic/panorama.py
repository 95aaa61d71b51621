"""Panoramas: photos of all directions that are the background of a face and the ambient light on it."""

from __future__ import annotations

import base64
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
from numpy.random import Generator
from scipy.spatial.transform import Rotation

from facelattice_synthetic.assets import AssetError

MEAN_BRIGHTNESS = 0.3
LARGEST_BRIGHTNESS = 20.0
"""Limit for pixels such as the sun, in units of the median: hard lights are drawn as distant lights."""


@dataclass(frozen=True)
class Panorama:
    """A photo of all directions, of mean brightness 0.3.

    Attributes:
        image: float32 (H, 2 H, 3), linear color. Columns are longitudes, rows are latitudes from the top.
        harmonics: float32 (9, 3), its light on a surface, as coefficients of `spherical_harmonics`.
    """

    image: np.ndarray
    harmonics: np.ndarray


@dataclass(frozen=True)
class PanoramaView:
    """The view of a camera in a panorama.

    Attributes:
        panorama: The panorama.
        rotation: From the camera's coordinates (x right, y down, z away) to those of the panorama.
        field_of_view: In degrees.
        light: Factor of the ambient light.
    """

    panorama: Panorama
    rotation: Rotation
    field_of_view: float
    light: float

    def image(self, size: int) -> np.ndarray:
        """Return the image of the camera: float32 (size, size, 3), linear color."""
        half = np.tan(np.radians(self.field_of_view / 2))
        x, y = np.meshgrid(*[((np.arange(size) + 0.5) / size * 2 - 1) * half] * 2)
        directions = self.rotation.apply(np.stack([x, y, np.ones_like(x)], 2).reshape(-1, 3)).reshape(size, size, 3)
        directions /= np.linalg.norm(directions, axis=2, keepdims=True)
        height, width = self.panorama.image.shape[:2]
        column = (np.arctan2(directions[..., 0], directions[..., 2]) / (2 * np.pi) + 0.5) * width - 0.5
        row = (np.arcsin(np.clip(directions[..., 1], -1, 1)) / np.pi + 0.5) * height - 0.5
        maps = column.astype(np.float32), row.astype(np.float32)
        return np.clip(cv2.remap(self.panorama.image, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP), 0, None)

    def ambient(self, normals: np.ndarray) -> np.ndarray:
        """Return the light (..., 3) on surfaces, from their unit normals (..., 3) before the camera."""
        rotated = self.rotation.apply(normals.reshape(-1, 3)).reshape(normals.shape)
        light = spherical_harmonics(rotated) @ self.panorama.harmonics
        return np.asarray(self.light * np.maximum(light, 0.02 * MEAN_BRIGHTNESS), np.float32)


def read_panoramas(folder: Path) -> list[Panorama]:
    """Read all panoramas of a folder, which may be missing.

    They are OpenEXR files (.exr), or such files in the data URL of a JavaScript module (.exr.js), as in the package
    @pmndrs/assets of npm.

    Raises:
        AssetError: If a file is not a panorama.
    """
    paths = sorted([*folder.glob("*.exr"), *folder.glob("*.exr.js")])
    return [make_panorama(_read_exr(path)) for path in paths]


def make_panorama(image: np.ndarray) -> Panorama:
    """Scale an image (H, 2 H, 3) of linear color to the mean brightness, and compute its light."""
    image = np.asarray(image, np.float32)
    image = np.minimum(image, LARGEST_BRIGHTNESS * np.median(image))
    height, width = image.shape[:2]
    latitude = ((np.arange(height) + 0.5) / height - 0.5) * np.pi
    longitude = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    weights = np.cos(latitude)[:, None] / (width * np.cos(latitude).sum())  # each pixel's share of the sphere
    image = image * (MEAN_BRIGHTNESS / max(1e-6, float((image.mean(2) * weights).sum())))
    x, z = np.sin(longitude) * np.cos(latitude)[:, None], np.cos(longitude) * np.cos(latitude)[:, None]
    basis = spherical_harmonics(np.stack([x, np.broadcast_to(np.sin(latitude)[:, None], x.shape), z], 2))
    # A matte surface blurs the light: the factors of the three bands are 1, 2/3 and 1/4.
    # Source: Ramamoorthi and Hanrahan, An Efficient Representation for Irradiance Environment Maps, SIGGRAPH 2001.
    band = np.array([1, *[2 / 3] * 3, *[1 / 4] * 5])
    harmonics = np.einsum("hwk,hwc,hw->kc", basis, image, np.broadcast_to(weights, x.shape)) * band[:, None]
    return Panorama(image, harmonics.astype(np.float32))


def sample_view(panoramas: list[Panorama], rng: Generator) -> PanoramaView:
    """Draw a panorama and a view of it."""
    angles = [rng.normal(0, 4), rng.uniform(-180, 180), rng.normal(0, 8)]
    rotation = Rotation.from_euler("YXZ", [angles[1], angles[2], angles[0]], degrees=True)
    field_of_view, light = rng.uniform(30, 85), np.exp(rng.normal(0.4, 0.3))
    return PanoramaView(panoramas[rng.integers(len(panoramas))], rotation, field_of_view, light)


def spherical_harmonics(directions: np.ndarray) -> np.ndarray:
    """Return the nine spherical harmonics of the first three bands (..., 9) in unit directions (..., 3).

    They are orthogonal, with a mean square of 1 over the sphere.
    """
    x, y, z = np.moveaxis(directions, -1, 0)
    root3, root5, root15 = np.sqrt([3, 5, 15])
    return np.stack([np.ones_like(x), root3 * x, root3 * y, root3 * z, root15 * x * y, root15 * y * z, root15 * x * z,
                     root5 / 2 * (3 * z * z - 1), root15 / 2 * (x * x - y * y)], -1)  # fmt: skip


def _read_exr(path: Path) -> np.ndarray:
    """Read an image of linear color (H, W, 3) from a .exr or .exr.js file."""
    exr = path
    try:
        with tempfile.TemporaryDirectory() as folder:
            if path.suffix != ".exr":
                encoded = re.split("base64,|['\"]", path.read_text(encoding="ascii"))[2]
                exr = Path(folder, "panorama.exr")
                exr.write_bytes(base64.b64decode(encoded))
            image = OpenEXR.File(str(exr)).channels()["RGB"].pixels
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        raise AssetError(f"{path}: not an OpenEXR image of red, green and blue: {error}") from error
    height, width = image.shape[:2]
    if width != 2 * height or not np.isfinite(image).all():
        raise AssetError(f"{path}: not a panorama: {width} x {height} px, or pixels that are no numbers")
    return np.asarray(image, np.float32)
