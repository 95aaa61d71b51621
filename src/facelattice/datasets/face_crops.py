"""Samples -> crops that the network takes, with their points in crop pixels."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.utils.data import Dataset

from facelattice import geometry
from facelattice.datasets.augmentation import AugmentationConfig, augment_colors, occlude, random_crop_transform
from facelattice.datasets.sample import Sample
from facelattice.datasets.synthetic_occlusion import draw_accessory
from facelattice.exceptions import ImageError
from facelattice.image_io import load_image

KEPT_BYTES = 2**30  # of decoded photos, in each loading process: decoding is most of the work of making a crop


class Item(TypedDict):
    """crop uint8 (S, S, 3) RGB; points float32 (N, 2), crop pixels, 0 where missing; mask bool (N,); background: there
    is no face in the crop; index of the sample; readable: False where the image could not be read (nothing counts
    then)."""

    crop: Tensor
    points: Tensor
    mask: Tensor
    background: Tensor
    index: int
    readable: bool


class FaceCrops(Dataset):
    """Crops of annotated faces. `crops[epoch, place, index]` is augmented, and depends on ``seed`` and that key alone.

    Without ``augment`` the key's epoch and place do not matter: the crop is the box's.
    """

    def __init__(self, samples: list[Sample], size: int, margin: float, augment: AugmentationConfig | None = None, seed: int = 0):
        self.samples, self.size, self.margin, self.augment, self.seed = samples, size, margin, augment, seed
        self._kept: dict[tuple[Path, int], np.ndarray] = {}
        self._room = KEPT_BYTES

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: tuple[int, int, int]) -> Item:
        sample = self.samples[key[2]]
        try:
            return self._plain(sample, key) if self.augment is None else self._augmented(sample, key, self.augment)
        except ImageError:
            points = torch.zeros(len(sample.points), 2)
            crop = torch.zeros(self.size, self.size, 3, dtype=torch.uint8)
            mask = torch.zeros(len(points), dtype=torch.bool)
            return Item(
                crop=crop, points=points, mask=mask, background=torch.tensor(False), index=key[2], readable=False
            )

    def _plain(self, sample: Sample, key: tuple[int, int, int]) -> Item:
        matrix = geometry.crop_transform(sample.box, self.size, self.margin)
        crop = self._cut(sample, matrix)
        return self._item(crop, geometry.apply(matrix, sample.points), sample.mask, False, key)

    def _augmented(self, sample: Sample, key: tuple[int, int, int], augment: AugmentationConfig) -> Item:
        rng = np.random.default_rng([self.seed, *key])
        matrix, mirrored = random_crop_transform(sample.box, self.size, self.margin, augment, rng)
        background = rng.random() < augment.background
        if background:
            height, width = load_image(sample.path).shape[:2]
            box = geometry.sample_background_box([sample.box], width, height, rng)
            background = box is not None
            matrix = matrix if box is None else geometry.crop_transform(box, self.size, self.margin)
        crop = self._cut(sample, matrix, fill=0 if rng.random() < 0.5 else int(rng.integers(256)))
        points, mask = geometry.apply(matrix, sample.points), sample.mask
        if mirrored:
            order = sample.scheme.mirror
            points, mask = points[order], mask[order]
        for chance in (augment.occlusion, 0.0 if augment.flat_patches else augment.occlusion / 2):
            if not background and rng.random() < chance:
                crop = occlude(crop, augment, rng, None if augment.flat_patches else self._other_face(rng))
        # Without it no number is drawn, so that recipes of before it have the crops that they had.
        if not background and augment.worn and rng.random() < augment.worn:
            crop, _ = draw_accessory(crop, points, mask, sample.scheme, rng)
        tensor = augment_colors(torch.from_numpy(crop).permute(2, 0, 1), augment, rng)
        return self._item(tensor.permute(1, 2, 0).numpy(), points, mask & (not background), background, key)

    def _other_face(self, rng: Generator) -> np.ndarray | None:
        other = self.samples[int(rng.integers(len(self.samples)))]
        try:
            return self._cut(other, geometry.crop_transform(other.box, self.size, 1.0))
        except ImageError:
            return None

    def _cut(self, sample: Sample, matrix: np.ndarray, fill: int = 0) -> np.ndarray:
        # A face much larger than the crop is decoded at 1/2, 1/4 or 1/8 of its size: most of the time goes into
        # decoding. JPEG only: OpenCV decodes other files whole, and stretches them where a side is no multiple of 8.
        jpeg = sample.path.suffix.lower() in (".jpg", ".jpeg")
        shrink = 2 ** min(3, max(0, math.floor(math.log2(1 / geometry.transform_scale(matrix))))) if jpeg else 1
        image = self._read(sample.path, shrink)
        small = geometry.invert(geometry.downscale_transform(shrink))
        return geometry.warp(image, geometry.compose(matrix, small), self.size, fill)

    def _read(self, path: Path, shrink: int) -> np.ndarray:
        """The photo, kept for its next use while there is room: with random order throwing others out gains nothing."""
        image = self._kept.get((path, shrink))
        if image is None:
            image = load_image(path, shrink=shrink)
            if image.nbytes <= self._room:
                self._room -= image.nbytes
                self._kept[path, shrink] = image
        return image

    @staticmethod
    def _item(
        crop: np.ndarray, points: np.ndarray, mask: np.ndarray, background: bool, key: tuple[int, int, int]
    ) -> Item:
        return Item(
            crop=torch.from_numpy(np.ascontiguousarray(crop)),
            points=torch.from_numpy(np.where(mask[:, None], points, 0).astype(np.float32)),
            mask=torch.from_numpy(np.ascontiguousarray(mask)),
            background=torch.tensor(bool(background)),
            index=key[2],
            readable=True,
        )
