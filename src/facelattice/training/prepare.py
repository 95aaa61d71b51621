"""Recipe -> faces, graph and network: what stands before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from facelattice import geometry
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import Sample, convert_samples, default_scheme, mean_shape_of
from facelattice.datasets.sampling import pose_repeats, split_validation
from facelattice.detection.face_detector import fit_box_mapping, get_detector
from facelattice.exceptions import DataError, ImageError, RecipeError
from facelattice.image_io import load_image
from facelattice.modeling.landmark_graph import correlation, neighbors, normalize
from facelattice.modeling.sdfl import SDFL
from facelattice.schemes import Scheme, get_scheme
from facelattice.training.config import Recipe
from facelattice.training.progress import track_progress
from facelattice.visualization.landmark_graph import LandmarkGraph, graph_from_correlation


@dataclass
class TrainingData:
    """training and held-out samples in the recipe's scheme; order: which training samples make up an epoch; annotated:
    bool, which of the training samples have points of people and not of a model (the recipe's ``validate``)."""

    scheme: Scheme
    training: list[Sample]
    held_out: list[Sample]
    order: np.ndarray
    annotated: np.ndarray

    @property
    def counts(self) -> dict[str, int]:
        """How many there are on each side, as checkpoints and model files say it."""
        return {"training": len(self.training), "held out": len(self.held_out)}


def load_training_data(recipe: Recipe) -> TrainingData:
    """The faces of all the recipe's sources, converted to its scheme and split. Raises DataError where none are
    left."""
    target = get_scheme(recipe.scheme)
    assumed = default_scheme(target)
    sources = [
        read_samples(Path(s.path), s.subset, get_scheme(s.scheme) if s.scheme else assumed) for s in recipe.data
    ]  # fmt: skip
    complete = [s for samples in sources for s in convert_samples(samples, target, None)]
    mean = mean_shape_of(complete)
    training: list[Sample] = []
    held: list[Sample] = []
    repeats: list[int] = []
    annotated: list[bool] = []
    for source, samples in zip(recipe.data, sources, strict=True):
        inside, outside = split_validation(convert_samples(samples, target, mean), recipe.held_out if source.validate else 0)
        training, held = training + inside, held + outside
        repeats += [source.repeat] * len(inside)
        annotated += [source.validate] * len(inside)
    if not training or not held:
        groups = len({sample.group for sample in training + held})
        raise DataError(
            f"{len(training)} faces to train on and {len(held)} held out: both are needed. Those of a photo or "
            f"person (NAME_1, NAME_2) stay together, which leaves {groups} to split; give more data with points of "
            f"the scheme {target.name}, or change held_out ({recipe.held_out})"
        )
    order = np.repeat(np.arange(len(training)), np.array(repeats) * pose_repeats(training, recipe.balance))
    return TrainingData(target, training, held, order, np.array(annotated))


def landmark_graph(faces: TrainingData, recipe: Recipe) -> Tensor:
    """The directed graph bool (N, N) of the training faces; the network may use it made symmetric.

    Raises RecipeError where the scheme has too few points for the recipe's k.
    """
    k, n = recipe.network.k, len(faces.scheme)
    if not 0 <= k < n:
        raise RecipeError(f"network.k is how many others a point listens to; with {n} points 0 to {n - 1}, not {k}")
    return neighbors(landmark_correlation(faces.training), k)


def landmark_correlation(samples: Sequence[Sample]) -> Tensor:
    """How closely the points of faces of one scheme move together, (N, N)."""
    points = np.stack([np.where(s.mask[:, None], s.points, np.nan) for s in samples])
    return correlation(normalize(points, samples[0].scheme.mirror))


def landmark_graph_of(samples: list[Sample], k: int, symmetric: bool) -> LandmarkGraph:
    """The graph of faces of one scheme with all there is to draw it. Raises ValueError where k does not fit."""
    closeness = landmark_correlation(samples)
    used = neighbors(closeness, k, symmetric)
    return graph_from_correlation(samples[0].scheme, used.numpy(), closeness.numpy(), k, symmetric, mean_shape_of(samples))


def make_network(graph: Tensor, recipe: Recipe, pretrained: bool = True) -> SDFL:
    """The recipe's network over a graph. ``pretrained`` False leaves its backbone random, for weights yet to be
    loaded."""
    n = recipe.network
    return SDFL(
        graph | graph.T if n.symmetric else graph,
        recipe.size,
        n.backbone,
        pretrained=(n.weights or n.pretrained) if pretrained else False,
        embedding=n.embedding,
        deepest=n.deepest,
        closer=n.closer,
        separable=n.separable,
        head=n.head,
        edges=n.edges,
        depth=n.depth,
        expansion=n.expansion,
        pooled=n.pooled,
        normalization=n.normalization,
    )


def detector_mapping(faces: TrainingData, detector: str, most: int = 300, least: int = 20) -> dict[str, Any] | None:
    """How that detector's boxes lie to the landmark boxes of the training faces (`detect.map_box`).

    Fitted on ``most`` complete training faces, each with the detected box that overlaps it most. None where fewer than
    ``least`` are found: then the boxes are not of the same thing.
    """
    complete = [s for s in faces.training if s.mask.all()]
    step = max(1, len(complete) // most)
    detect = get_detector(detector)
    found, wanted = [], []
    for sample in track_progress(complete[::step][:most], "fitting detector boxes"):
        try:
            boxes, _ = detect(load_image(sample.path))
        except ImageError:
            continue
        best = geometry.highest_iou(boxes, sample.box, least=0.3)
        if best is not None:
            found.append(boxes[best])
            wanted.append(sample.box)
    return fit_box_mapping(np.array(found), np.array(wanted)) if len(found) >= least else None


def describe(faces: TrainingData, recipe: Recipe, graph: Tensor, learned_from: list[dict[str, str]]) -> dict[str, Any]:
    """What a model file must know beside its weights: plain values and tensors, kept in every checkpoint.

    ``learned_from`` is what the weights that the run began with were trained on: terms of those data go on to hold.
    """
    data = [{"name": s.name, "terms": s.terms} for s in recipe.data]
    return {
        "scheme": faces.scheme.to_dict(),
        "graph": graph,
        "lattice": landmark_graph_of(faces.training, recipe.network.k, recipe.network.symmetric).to_dict(),
        "detectors": {recipe.detector: detector_mapping(faces, recipe.detector)} if recipe.detector else {},
        "data": data + [source for source in learned_from if source not in data],
        "faces": faces.counts,
    }
