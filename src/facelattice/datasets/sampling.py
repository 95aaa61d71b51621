"""Which faces, and in what order: the held-out part, rare poses repeated, and the batches of an epoch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import numpy as np

from facelattice.datasets.sample import Sample


def split_validation(samples: list[Sample], share: float) -> tuple[list[Sample], list[Sample]]:
    """Training and validation faces. A group (photo, person) falls on one side by the digest of its name.

    So the split depends on nothing but the names: more data or another order leaves each face where it was.
    """

    def place(sample: Sample) -> float:
        # An image's name need not be valid UTF-8.
        digest = hashlib.sha256(sample.group.encode("utf-8", "surrogateescape"))
        return int(digest.hexdigest()[:8], 16) / 16**8

    held = [place(sample) < share for sample in samples]
    return (
        [s for s, out in zip(samples, held, strict=True) if not out],
        [s for s, out in zip(samples, held, strict=True) if out],
    )


def pose_repeats(samples: list[Sample], most: int, bins: int = 9) -> np.ndarray:
    """How often each face comes in an epoch, int (M,): rare poses more often, up to ``most`` times.

    Pose-based balancing (Feng et al., CVPR 2018): the first principal component of the shapes, which is yaw, its
    absolute value in ``bins`` bins; a bin with a tenth of the faces of the fullest is repeated ten times, unless
    ``most`` is less. Without a bound a handful of profiles would be seen hundreds of times. Incomplete faces come once.
    """
    repeats = np.ones(len(samples), dtype=int)
    complete = [i for i, s in enumerate(samples) if s.mask.all()]
    if most <= 1 or len(complete) < bins:
        return repeats
    shapes = np.stack([samples[i].points for i in complete]).astype(np.float64)
    shapes -= shapes.mean(1, keepdims=True)
    shapes /= np.linalg.norm(shapes, axis=(1, 2), keepdims=True)
    # Turn every face onto the mean first: a rotation in the image is no pose of the head.
    mean = shapes.mean(0)
    angle = np.arctan2((shapes[..., 0] * mean[:, 1] - shapes[..., 1] * mean[:, 0]).sum(1), (shapes * mean).sum((1, 2)))
    turn = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], -1).reshape(-1, 2, 2)
    flat = (shapes @ turn).reshape(len(shapes), -1)
    flat -= flat.mean(0)
    yaw = np.abs(flat @ np.linalg.svd(flat, full_matrices=False)[2][0])
    counts, edges = np.histogram(yaw, bins)
    which = np.clip(np.searchsorted(edges, yaw, side="right") - 1, 0, bins - 1)
    repeats[complete] = np.clip(np.round(counts.max() / counts[which]), 1, most)
    return repeats


class EpochBatchSampler:
    """The batches of one epoch after another, as keys (epoch, place, index) that say all a sample depends on.

    indices: the training faces, repeats included. batch: faces a step over all processes, of which this one
    (``rank`` of ``world``) takes its part. Set ``epoch`` before iterating. What does not fill a last batch waits for
    another epoch; a data set smaller than a batch is one batch, filled up from its start.
    """

    def __init__(self, indices: np.ndarray, batch: int, seed: int, rank: int = 0, world: int = 1):
        if batch % world:
            raise ValueError(f"a batch of {batch} faces cannot be shared by {world} processes; make it a multiple")
        self.indices, self.batch, self.seed, self.rank, self.world = indices, batch, seed, rank, world
        self.epoch = 0

    def __len__(self) -> int:
        return max(1, len(self.indices) // self.batch)

    def __iter__(self) -> Iterator[list[tuple[int, int, int]]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.indices)
        order = np.tile(order, math.ceil(self.batch / len(order)))
        share = self.batch // self.world
        for step in range(len(self)):
            start = step * self.batch + self.rank * share
            yield [(self.epoch, place, int(order[place])) for place in range(start, start + share)]
