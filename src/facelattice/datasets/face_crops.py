"""Face crops: from samples to the crops that the network takes, with their landmarks in crop pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.utils.data import Dataset

from facelattice import geometry
from facelattice.datasets.augmentation import (
    AugmentationConfig,
    augment_colors,
    draw_occlusion_patch,
    random_crop_transform,
)
from facelattice.datasets.sample import Sample
from facelattice.datasets.synthetic_occlusion import covered_points, draw_accessory
from facelattice.exceptions import ImageError
from facelattice.image_io import image_size, load_image

UNKNOWN = -1  # visibility
CACHE_BYTES = 2**30  # of decoded images in each loading process; most of the time for a crop is decoding


class CropItem(TypedDict):
    """One crop, as tensors that can be stacked to a batch.

    Attributes:
        crop: uint8 (S, S, 3), RGB.
        points: float32 (N, 2), crop pixels; 0 where not annotated.
        mask: bool (N,), which points are annotated.
        visibility: int8 (N,), 1 visible, 0 hidden, -1 unknown.
        background: bool (), there is no face in the crop.
        turned: bool (), the crop is rotated by more than `AugmentationConfig.rotation`.
        style: Index of the face's annotation style, -1 for none.
        index: Index of the sample.
        readable: False if the image cannot be read; the crop is black then, and its mask is empty.
    """

    crop: Tensor
    points: Tensor
    mask: Tensor
    visibility: Tensor
    background: Tensor
    turned: Tensor
    style: int
    index: int
    readable: bool


class FaceCrops(Dataset[CropItem]):
    """Crops of annotated faces, ``crops[epoch, position, index]``.

    An augmented crop depends only on the seed and this key, not on the number of processes that load crops. Without
    augmentation, epoch and position have no effect.

    Args:
        samples: The faces, all of one scheme.
        crop_size: Side of the crop in pixels.
        crop_margin: Side of the crop as a multiple of the longer side of the face box.
        augmentation: How crops are augmented; None gives the plain crop of the box.
        seed: Seed of the augmentation.
        styles: Names of the annotation styles of the network.
    """

    def __init__(
        self,
        samples: list[Sample],
        crop_size: int,
        crop_margin: float,
        augmentation: AugmentationConfig | None = None,
        seed: int = 0,
        styles: Sequence[str] = (),
    ):
        self.samples, self.crop_size, self.crop_margin = samples, crop_size, crop_margin
        self.augmentation, self.seed, self.styles = augmentation, seed, list(styles)
        self._cache: dict[tuple[Path, int], np.ndarray] = {}
        self._free_bytes = CACHE_BYTES

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: tuple[int, int, int]) -> CropItem:
        sample = self.samples[key[2]]
        try:
            if self.augmentation is None:
                return self._plain(sample, key)
            return self._augmented(sample, key, self.augmentation)
        except ImageError:
            crop = np.zeros((self.crop_size, self.crop_size, 3), np.uint8)
            nothing = np.zeros(len(sample.points), bool)
            return self._item(key, crop, sample.points, nothing, np.full(len(nothing), UNKNOWN), readable=False)

    def _plain(self, sample: Sample, key: tuple[int, int, int]) -> CropItem:
        matrix = geometry.crop_transform(sample.box, self.crop_size, self.crop_margin)
        crop = self._crop(sample, matrix)
        points = geometry.apply(matrix, sample.points)
        return self._item(key, crop, points, sample.mask, _visibility(sample), sample.is_background)

    def _augmented(self, sample: Sample, key: tuple[int, int, int], augmentation: AugmentationConfig) -> CropItem:
        rng = np.random.default_rng([self.seed, *key])
        turned = rng.random() < augmentation.turned
        matrix, mirrored = random_crop_transform(
            sample.box, self.crop_size, self.crop_margin, augmentation, rng, turned
        )
        background = sample.is_background
        if not background and rng.random() < augmentation.background:
            width, height = image_size(sample.path)
            box = geometry.sample_background_box([sample.box], width, height, rng)
            background = box is not None
            matrix = matrix if box is None else geometry.crop_transform(box, self.crop_size, self.crop_margin)
        crop = self._crop(sample, matrix, fill=0 if rng.random() < 0.5 else int(rng.integers(256)))
        points, mask, visibility = geometry.apply(matrix, sample.points), sample.mask, _visibility(sample)
        if mirrored:
            order = sample.scheme.mirror
            points, mask, visibility = points[order], mask[order], visibility[order]
        covered = np.zeros(crop.shape[:2], bool)
        for probability in (augmentation.occlusion, 0.0 if augmentation.flat_patches else augmentation.occlusion / 2):
            if not background and rng.random() < probability:
                other_face = None if augmentation.flat_patches else self._other_face(rng)
                crop, patch = draw_occlusion_patch(crop, augmentation, rng, other_face)
                covered |= patch
        # Without accessories no random number is drawn, so recipes without them have the same crops as before.
        if not background and augmentation.accessories and rng.random() < augmentation.accessories:
            crop, accessory = draw_accessory(crop, points, mask, sample.scheme, rng)
            covered |= accessory
        tensor = augment_colors(torch.from_numpy(crop).permute(2, 0, 1), augmentation, rng)
        visibility = np.where(covered_points(covered, points, mask), 0, visibility)
        if background or turned:
            visibility = np.full(len(mask), UNKNOWN)
        return self._item(
            key, tensor.permute(1, 2, 0).numpy(), points, mask & (not background), visibility, background, turned
        )

    def _item(
        self,
        key: tuple[int, int, int],
        crop: np.ndarray,
        points: np.ndarray,
        mask: np.ndarray,
        visibility: np.ndarray,
        background: bool = False,
        turned: bool = False,
        readable: bool = True,
    ) -> CropItem:
        style = self.samples[key[2]].annotation_style
        return CropItem(
            crop=torch.from_numpy(np.ascontiguousarray(crop)),
            points=torch.from_numpy(np.where(mask[:, None], points, 0).astype(np.float32)),
            mask=torch.from_numpy(np.ascontiguousarray(mask)),
            visibility=torch.from_numpy(visibility.astype(np.int8)),
            background=torch.tensor(bool(background)),
            turned=torch.tensor(bool(turned)),
            style=self.styles.index(style) if style in self.styles else -1,
            index=key[2],
            readable=readable,
        )

    def _other_face(self, rng: Generator) -> np.ndarray | None:
        other = self.samples[int(rng.integers(len(self.samples)))]
        try:
            return self._crop(other, geometry.crop_transform(other.box, self.crop_size, 1.0))
        except ImageError:
            return None

    def _crop(self, sample: Sample, matrix: np.ndarray, fill: int = 0) -> np.ndarray:
        # A JPEG image of a face much larger than the crop is decoded at 1/2, 1/4 or 1/8 of its size, which is faster.
        # Other formats are always decoded at full size.
        jpeg = sample.path.suffix.lower() in (".jpg", ".jpeg")
        shrink = 2 ** min(3, max(0, math.floor(math.log2(1 / geometry.transform_scale(matrix))))) if jpeg else 1
        image = self._load(sample.path, shrink)
        to_original = geometry.invert(geometry.downscale_transform(shrink))
        return geometry.warp(image, geometry.compose(matrix, to_original), self.crop_size, fill)

    def _load(self, path: Path, shrink: int) -> np.ndarray:
        """Load an image through the cache. It never evicts, which would be useless in random order."""
        image = self._cache.get((path, shrink))
        if image is None:
            image = load_image(path, shrink=shrink)
            if image.nbytes <= self._free_bytes:
                self._free_bytes -= image.nbytes
                self._cache[path, shrink] = image
        return image


def _visibility(sample: Sample) -> np.ndarray:
    """Return the visibility of the landmarks, int (N,): 1 visible, 0 hidden, -1 unknown."""
    return np.where(sample.hidden, 0, np.where(sample.visible, 1, UNKNOWN))
