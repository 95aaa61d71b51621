"""Preparation of a run: the training data, the landmark graph and the network of a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from facelattice import geometry
from facelattice.datasets.augmentation import AugmentationConfig
from facelattice.datasets.face_crops import FaceCrops
from facelattice.datasets.readers.backgrounds import read_backgrounds
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import Sample, convert_samples, default_scheme, mean_shape_of
from facelattice.datasets.sampling import pose_repeats, split_validation
from facelattice.detection import fit_box_mapping, get_detector
from facelattice.exceptions import DataError, ImageError, RecipeError
from facelattice.file_search import suggest_path
from facelattice.image_io import load_image
from facelattice.modeling.landmark_graph import adjacency, correlation, normalize_shapes
from facelattice.modeling.sdfl import SDFL
from facelattice.schemes import Scheme, get_scheme
from facelattice.training.config import NOT_STATED, DataSource, Recipe
from facelattice.training.origin import Origin
from facelattice.training.progress import track_progress


@dataclass
class TrainingData:
    """The faces of a recipe, in its scheme.

    Attributes:
        scheme: The point scheme.
        train: Training faces, and boxes that show no face.
        val: Validation faces.
        order: Indices of the training faces that make up an epoch, with repeats.
        annotated: Which training samples were annotated by people, bool; the others have pseudo-labels.
    """

    scheme: Scheme
    train: list[Sample]
    val: list[Sample]
    order: np.ndarray
    annotated: np.ndarray

    @property
    def train_faces(self) -> list[Sample]:
        """The training faces, without boxes that show none."""
        return [sample for sample in self.train if not sample.is_background]

    @property
    def counts(self) -> dict[str, int]:
        """Number of training and validation faces, as checkpoints and model files state it."""
        return {"train": len(self.train_faces), "val": len(self.val)}


def load_training_data(recipe: Recipe) -> TrainingData:
    """Read the faces of all datasets, convert them to the recipe's scheme, and split them.

    Raises:
        DataError: If a dataset cannot be read, or no faces are left for training or for validation.
    """
    for i, source in enumerate(recipe.data):
        if not (path := Path(source.path)).exists():
            raise DataError(f"data[{i}].path: {path}: no such file or folder{suggest_path(path)}")
    target = get_scheme(recipe.scheme)
    default = default_scheme(target)
    sources = [
        read_samples(Path(source.path), source.subset, get_scheme(source.scheme) if source.scheme else default)
        for source in recipe.data
        if not source.background
    ]
    mean_shape = mean_shape_of([s for samples in sources for s in convert_samples(samples, target, None)])
    train: list[Sample] = []
    val: list[Sample] = []
    repeats: list[int] = []
    annotated: list[bool] = []
    faces = [source for source in recipe.data if not source.background]
    for source, samples in zip(faces, sources, strict=True):
        samples = _apply_source(samples, source)
        fraction = 0.0 if source.pseudo_labels else recipe.val_fraction
        source_train, source_val = split_validation(convert_samples(samples, target, mean_shape), fraction)
        train, val = train + source_train, val + source_val
        repeats += [source.repeat] * len(source_train)
        annotated += [not source.pseudo_labels] * len(source_train)
    if not train or not val:
        groups = len({sample.group for sample in train + val})
        raise DataError(
            f"{len(train)} training faces and {len(val)} validation faces: both are needed. Faces of one photo or "
            f"person (NAME_1, NAME_2) stay together, which leaves {groups} groups to split; add data with points of "
            f"the scheme {target.name}, or change val_fraction ({recipe.val_fraction})"
        )
    for source in recipe.data:
        if source.background:
            boxes = read_backgrounds(Path(source.path), target)
            train, repeats = train + boxes, repeats + [source.repeat] * len(boxes)
            annotated += [True] * len(boxes)
    order = np.repeat(np.arange(len(train)), np.array(repeats) * pose_repeats(train, recipe.max_pose_repeats))
    return TrainingData(target, train, val, order, np.array(annotated))


def make_crops(samples: list[Sample], recipe: Recipe, augmentation: AugmentationConfig | None = None) -> FaceCrops:
    """Create the crops of faces that the recipe's network takes."""
    size, styles = recipe.network.crop_size, recipe.network.annotation_styles
    return FaceCrops(samples, size, recipe.crop_margin, augmentation, recipe.seed, styles)


def _apply_source(samples: list[Sample], source: DataSource) -> list[Sample]:
    """Set the annotation style and the visible points of the faces of a source.

    In a source without visibility flags, annotated points count as visible: most are, and the network needs examples.
    """
    style = source.annotation_style or ""
    keep = source.pseudo_labels or any((sample.hidden | sample.visible).any() for sample in samples)
    return [
        replace(sample, annotation_style=style, visible=sample.visible if keep else sample.mask) for sample in samples
    ]


def landmark_graph(data: TrainingData, recipe: Recipe) -> Tensor:
    """Compute the directed graph of the training faces, bool (N, N).

    Raises:
        RecipeError: If the scheme has too few points for the recipe's k.
    """
    k, n = recipe.network.k, len(data.scheme)
    if not 0 <= k < n:
        raise RecipeError(f"network.k is the number of neighbors; with {n} points it is from 0 to {n - 1}, not {k}")
    return adjacency(landmark_correlation(data.train_faces), k)


def landmark_correlation(samples: Sequence[Sample], mirrored: bool = True) -> Tensor:
    """Compute the correlation (N, N) of the landmarks of faces of one scheme and of their mirror images."""
    points = np.stack([np.where(s.mask[:, None], s.points, np.nan) for s in samples])
    return correlation(normalize_shapes(points, samples[0].scheme.mirror if mirrored else None))


def graph_metadata(samples: list[Sample], k: int, symmetric: bool, mirrored: bool = True) -> dict[str, Any]:
    """Compute the landmark graph of faces of one scheme in the form of `ModelInfo.graph`.

    Args:
        samples: The faces.
        k: Number of neighbors of each landmark.
        symmetric: Add the reverse of each edge.
        mirrored: Use the mirror images of the faces too. False if the mirror pairs are unknown.

    Returns:
        "k", "symmetric", "edges" (landmark, neighbor, correlation; without self-loops), and "shape", the mean face
        (N, 2) in the unit box, None if no face is complete.

    Raises:
        ArgumentError: If ``k`` does not fit.
    """
    strength = landmark_correlation(samples, mirrored)
    graph = adjacency(strength, k, symmetric)
    edges = [[i, j, round(float(strength[i, j]), 4)] for i, j in graph.nonzero().tolist() if i != j]
    shape = mean_shape_of(samples)
    rounded = None if shape is None else np.round(np.asarray(shape, float), 4).tolist()
    return {"k": k, "symmetric": symmetric, "edges": edges, "shape": rounded}


def make_network(graph: Tensor, recipe: Recipe, pretrained: bool = True) -> SDFL:
    """Create the network of a recipe.

    Args:
        graph: The directed graph, bool (N, N).
        recipe: The recipe.
        pretrained: Load pretrained backbone weights if the recipe asks for them. False if other weights follow.
    """
    config = recipe.network if pretrained else replace(recipe.network, pretrained=False)
    return SDFL(graph | graph.T if config.symmetric else graph, config)


def fit_detector(data: TrainingData, detector: str, max_faces: int = 300, min_faces: int = 20) -> dict[str, Any] | None:
    """Fit the detector's boxes to the landmark boxes of the training faces.

    Args:
        data: The faces.
        detector: Name of the detector.
        max_faces: Number of complete training faces that are used.
        min_faces: Number of faces that the detector must find.

    Returns:
        The mapping for `detection.map_box`; None if the detector finds too few of the faces.
    """
    complete = [s for s in data.train if s.mask.all()]
    step = max(1, len(complete) // max_faces)
    detect = get_detector(detector)
    found, annotated = [], []
    for sample in track_progress(complete[::step][:max_faces], "fitting detector boxes", "images with a detected box"):
        try:
            boxes, _ = detect(load_image(sample.path))
        except ImageError:
            continue
        best = geometry.highest_iou(boxes, sample.box, min_iou=0.3)
        if best is not None:
            found.append(boxes[best])
            annotated.append(sample.box)
    return fit_box_mapping(np.array(found), np.array(annotated)) if len(found) >= min_faces else None


def checkpoint_metadata(data: TrainingData, recipe: Recipe, graph: Tensor, origin: Origin | None) -> dict[str, Any]:
    """Collect the metadata of a model file: plain values and tensors, stored in every checkpoint.

    Args:
        data: The faces.
        recipe: The recipe.
        graph: The directed graph, bool (N, N).
        origin: The origin of the initial weights, whose terms still apply; None if they are not from another model.
    """
    sources = [{"name": source.name, "terms": source.terms} for source in recipe.data]
    return {
        "scheme": data.scheme.to_dict(),
        "graph": graph,
        "graph_metadata": graph_metadata(data.train_faces, recipe.network.k, recipe.network.symmetric),
        "detectors": {recipe.detector: fit_detector(data, recipe.detector)} if recipe.detector else {},
        "data": sources + [source for source in (origin.data if origin else []) if source not in sources],
        "license": _license(recipe.license, origin),
        "faces": data.counts,
    }


def _license(own: str, origin: Origin | None) -> str:
    """Return the license of the weights: that of the recipe, and that of the initial weights."""
    if origin is None or origin.license in (NOT_STATED, own):
        return own
    return origin.license if own == NOT_STATED else f"{own}; initial weights: {origin.license}"
