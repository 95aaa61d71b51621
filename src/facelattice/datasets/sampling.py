"""The faces that training uses, and their order: validation split, balancing of poses, and the batches of an epoch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import numpy as np

from facelattice.datasets.sample import Sample
from facelattice.exceptions import ArgumentError


def split_validation(samples: list[Sample], fraction: float) -> tuple[list[Sample], list[Sample]]:
    """Split faces into training and validation faces.

    The hash of the name of a group (photo, person) decides to which side its faces belong. So more data or another
    order moves no face to the other side.

    Args:
        samples: The faces.
        fraction: Fraction of the groups used for validation.

    Returns:
        Training faces and validation faces.
    """

    def position(sample: Sample) -> float:
        digest = hashlib.sha256(sample.group.encode("utf-8", "surrogateescape"))  # file names may not be valid UTF-8
        return int(digest.hexdigest()[:8], 16) / 16**8

    is_val = [position(sample) < fraction for sample in samples]
    train = [sample for sample, val in zip(samples, is_val, strict=True) if not val]
    return train, [sample for sample, val in zip(samples, is_val, strict=True) if val]


def pose_repeats(samples: list[Sample], max_repeats: int, num_bins: int = 9) -> np.ndarray:
    """Compute how often each face is used in an epoch, so that rare poses are seen more often.

    The first principal component of the shapes is a measure of yaw. Its absolute value is put into bins. The number of
    repeats of a face is the count of the fullest bin over the count of its own bin, up to ``max_repeats``: without this
    limit a few profiles would be seen hundreds of times. Incomplete faces are used once.

    Args:
        samples: The faces, all of one scheme.
        max_repeats: Largest number of repeats; 1 turns the balancing off.
        num_bins: Number of bins of yaw.

    Returns:
        int (M,), one number for each face.

    Source:
        Feng et al., "Wing Loss for Robust Facial Landmark Localisation", CVPR 2018.
    """
    repeats = np.ones(len(samples), dtype=int)
    complete = [i for i, sample in enumerate(samples) if sample.mask.all()]
    if max_repeats <= 1 or len(complete) < num_bins:
        return repeats
    shapes = np.stack([samples[i].points for i in complete]).astype(np.float64)
    shapes -= shapes.mean(1, keepdims=True)
    shapes /= np.linalg.norm(shapes, axis=(1, 2), keepdims=True)
    # Rotate every face onto the mean first: rotation in the image plane is not yaw.
    mean = shapes.mean(0)
    angle = np.arctan2((shapes[..., 0] * mean[:, 1] - shapes[..., 1] * mean[:, 0]).sum(1), (shapes * mean).sum((1, 2)))
    rotation = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], -1).reshape(-1, 2, 2)
    flat = (shapes @ rotation).reshape(len(shapes), -1)
    flat -= flat.mean(0)
    yaw = np.abs(flat @ np.linalg.svd(flat, full_matrices=False)[2][0])
    counts, edges = np.histogram(yaw, num_bins)
    bins = np.clip(np.searchsorted(edges, yaw, side="right") - 1, 0, num_bins - 1)
    repeats[complete] = np.clip(np.round(counts.max() / counts[bins]), 1, max_repeats)
    return repeats


class EpochBatchSampler:
    """Batches of an epoch as keys (epoch, position, index), see `face_crops.FaceCrops`.

    Set `epoch` before iterating. The last faces, if they do not fill a batch, are left out of the epoch; each epoch has
    another order. A dataset smaller than a batch is repeated to fill one batch.

    Args:
        indices: Indices of the training faces, with repeats, int (M,).
        batch_size: Number of faces in a step, over all processes.
        seed: Seed of the order.
        rank: Number of this process.
        world_size: Number of processes; each one gets its part of every batch.

    Raises:
        ArgumentError: If the batch size is not a multiple of the number of processes.
    """

    def __init__(self, indices: np.ndarray, batch_size: int, seed: int, rank: int = 0, world_size: int = 1):
        if batch_size % world_size:
            raise ArgumentError(
                f"a batch of {batch_size} faces cannot be shared by {world_size} processes; make batch_size a multiple"
            )
        self.indices, self.batch_size, self.seed = indices, batch_size, seed
        self.rank, self.world_size = rank, world_size
        self.epoch = 0

    def __len__(self) -> int:
        return max(1, len(self.indices) // self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int, int]]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.indices)
        order = np.tile(order, math.ceil(self.batch_size / len(order)))
        per_process = self.batch_size // self.world_size
        for step in range(len(self)):
            start = step * self.batch_size + self.rank * per_process
            yield [(self.epoch, position, int(order[position])) for position in range(start, start + per_process)]
