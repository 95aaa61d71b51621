"""What a program says about annotated faces: a model file is run on them, or what it wrote into files is read.

answers = ask(FaceAligner("ibug68"), samples, box="noisy", seed=0)
answers.each[0]                        # Answer(points, errors) for the first face, None where it was not found
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facelattice import distributed, geometry
from facelattice.datasets.sample import Sample
from facelattice.exceptions import ImageError
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.schemes import Scheme

BOXES = ("annotation", "noisy", "detector")
SHIFT, GROWTH = 0.05, 0.1  # of noisy boxes: deviations of the center, in sides each way, and of the side's logarithm
MATCH_IOU = 0.3  # overlap of a found box with the annotated one, from which on they are taken for the same face


@dataclass(frozen=True, eq=False)
class Answer:
    """One face: points float32 (N, 2), pixels of the image, NaN where left out; errors (N,), what the program itself
    expects each to be off by, None where it does not say."""

    points: np.ndarray
    expected_errors: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Predictions:
    """name: the program's. scheme: what its points mean. box: what it was told of where the faces are, in words. each:
    for every face its answer or None. unreadable: the images that could not be read, with the reason. unmatched: how
    many answers there were to other faces than those asked for."""

    name: str
    scheme: Scheme
    box: str
    each: list[Answer | None]
    unreadable: list[str]
    unmatched: int = 0


def ask(
    aligner: FaceAligner,
    samples: Sequence[Sample],
    box: str = "annotation",
    seed: int = 0,
    progress: Callable[[list[list[int]]], Any] = iter,
) -> Predictions:
    """Run a model on every face, image by image; ``samples`` are in the model's scheme.

    box: "annotation" gives it each face's landmark box, "noisy" that box moved and resized at random (`noisy_box`),
    "detector" the whole image and nothing else: faces found there are then paired with the annotated ones. Several
    processes take some images each, and all of them get all answers.
    """
    found: list[tuple[int, Answer | None]] = []
    unreadable: list[str] = []
    for group in progress(distributed.share(group_by_image(samples))):
        try:
            answers = _answers(aligner, [samples[i] for i in group], box, seed, group)
        except ImageError as error:
            unreadable.append(str(error))
            answers = [None] * len(group)
        found += zip(group, answers, strict=True)
    each = dict(distributed.gather(found))
    said = box if box != "noisy" else f"noisy (annotation; shift {SHIFT:g}, growth {GROWTH:g}, seed {seed})"
    return Predictions(
        aligner.model.name, aligner.model.scheme, said, [each[i] for i in range(len(samples))],
        sorted(distributed.gather(unreadable)),
    )  # fmt: skip


def group_by_image(samples: Sequence[Sample]) -> list[list[int]]:
    """The places of the faces in the data, image by image."""
    images: dict[Path, list[int]] = {}
    for i, sample in enumerate(samples):
        images.setdefault(sample.path, []).append(i)
    return list(images.values())


def noisy_box(box: np.ndarray, seed: int, index: int) -> np.ndarray:
    """The square box (4,) of a face, its center shifted by N(0, 5 %) of its side each way and its side times
    exp(N(0, 0.1)). It depends on the seed and the face's place in the data alone."""
    return geometry.jitter_box(box, SHIFT, GROWTH, np.random.default_rng([seed, index]))


def pair(found: Sequence[np.ndarray], boxes: Sequence[np.ndarray], least: float = MATCH_IOU) -> list[int | None]:
    """For each of ``boxes`` (M, 4) which of the boxes ``found`` is the same face; None where there is none.

    One to one: the two that overlap most belong together, then the next two, down to an overlap of ``least``.
    """
    overlaps = np.array([geometry.overlap(one, box) for box in boxes for one in found]).reshape(len(boxes), len(found))
    pairs: list[int | None] = [None] * len(boxes)
    while overlaps.size and overlaps.max() >= least:
        i, k = np.unravel_index(overlaps.argmax(), overlaps.shape)
        pairs[i] = int(k)
        overlaps[i], overlaps[:, k] = -1, -1
    return pairs


def _answers(
    aligner: FaceAligner, samples: list[Sample], box: str, seed: int, places: list[int]
) -> list[Answer | None]:
    """The answers to the faces of one image, which stand at ``places`` in the data."""
    image = load_image(samples[0].path)
    if box == "detector":
        faces = aligner(image)
        pairs = pair([face.box for face in faces], [sample.box for sample in samples])
        return [None if k is None else Answer(faces[k].points, faces[k].expected_errors) for k in pairs]
    boxes = [s.box if box == "annotation" else noisy_box(s.box, seed, i) for s, i in zip(samples, places, strict=True)]
    return [Answer(face.points, face.expected_errors) for face in aligner(image, boxes=boxes)]
