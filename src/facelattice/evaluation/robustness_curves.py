"""Robustness curves: error against the level of a perturbation, and against the yaw of the head.

Example:
    curves = compute_curves({"graph": ["runs/a/last.pt", "runs/b/last.pt"], "linear": ["runs/c/last.pt"]}, data)
    draw_curves(curves, "curves.png")

The models of one label are training runs of one recipe with different seeds; their mean and standard deviation are
drawn.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from facelattice.datasets.readers.detect_layout import read_samples_for
from facelattice.datasets.sample import convert_samples
from facelattice.datasets.synthetic_occlusion import ACCESSORIES
from facelattice.evaluation.predict import Progress
from facelattice.evaluation.robustness import (
    OCCLUSIONS,
    PATCHES,
    PERTURBATIONS,
    PerturbedErrors,
    PointPredictor,
    perturbed_errors,
    yaw_proxy,
)
from facelattice.exceptions import DataError
from facelattice.inference.aligner import OnError
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.schemes import Scheme
from facelattice.visualization.figures import save_figure

YAW = "yaw"
YAW_BINS = (0.0, 0.05, 0.1, 0.2, 1.0)  # edges of the bins of `yaw_proxy`
LEVEL_LABELS = {
    **{f"patch: {kind}": "fraction of the landmarks under the patch" for kind in PATCHES},
    "accessories": "accessory drawn over the face",
    "blur": "standard deviation of the blur / side of the box",
    "box noise": "standard deviation of shift and log scale / side of the box",
    "roll": "rotation of the image, degrees",
    YAW: "yaw proxy: offset of the nose from the middle / width of the face",
}
REGIONS = ("all", "occluded", "visible")


@dataclass(frozen=True)
class CurvePoint:
    """Error of one model at one level of a perturbation.

    Attributes:
        perturbation: A key of `PERTURBATIONS`, or "yaw".
        level: Level of the perturbation; for "yaw" the lower edge of the bin.
        model: Label of the model.
        region: "all", "occluded" or "visible" landmarks.
        num_faces: Number of measured faces.
        nme: Mean NME over faces and training runs, a fraction.
        std: Standard deviation over training runs, None for a single one.
    """

    perturbation: str
    level: float
    model: str
    region: str
    num_faces: int
    nme: float
    std: float | None


@dataclass(frozen=True)
class RobustnessCurves:
    """Curves of several models on the same faces.

    Attributes:
        num_faces: Number of faces.
        seed: Seed of the perturbations.
        box_source: Source of the boxes.
        points: Points of all curves.
        unreadable: Error messages of images that could not be read; their faces are left out.
    """

    num_faces: int
    seed: int
    box_source: str
    points: list[CurvePoint]
    unreadable: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the curves as plain values for JSON."""
        return dataclasses.asdict(self)


def curves_from_dict(values: Mapping[str, Any]) -> RobustnessCurves:
    """Return the curves of `RobustnessCurves.to_dict`."""
    return RobustnessCurves(**{**values, "points": [CurvePoint(**point) for point in values["points"]]})


def group_by_label(models: Sequence[str]) -> dict[str, list[str]]:
    """Group models that are given as LABEL=MODEL by their labels; the label of others is the name of the file."""
    groups: dict[str, list[str]] = {}
    for model in models:
        label, _, path = model.rpartition("=")
        groups.setdefault(label or Path(path).stem, []).append(path)
    return groups


@dataclass(frozen=True)
class _LoadedModel:
    predict: PointPredictor
    scheme: Scheme
    crop_size: int
    crop_margin: float


def compute_curves(
    models: Mapping[str, Sequence[str]],
    data: Path,
    subset: str | None = None,
    seed: int = 0,
    progress: Progress = iter,
) -> RobustnessCurves:
    """Measure the errors of models on perturbed faces.

    Args:
        models: For each label one or more bundled models, model files or checkpoints.
        data: Annotated faces.
        subset: Use this subset of the dataset only.
        seed: Seed of the perturbations.
        progress: Wraps the list of perturbations and levels, to show progress.

    Raises:
        DataError: If the models differ in scheme, or share no landmark with the dataset, or no image can be read.
    """
    labels = [label for label, paths in models.items() for _ in paths]
    loaded = [_load(path) for paths in models.values() for path in paths]
    for other in loaded[1:]:
        if other.scheme.name != loaded[0].scheme.name:
            raise DataError(
                f"the models must have the same scheme: {loaded[0].scheme.name} and {other.scheme.name} differ"
            )
    scheme = loaded[0].scheme
    samples = convert_samples(read_samples_for(scheme, data, subset), scheme, None)
    if not samples:
        raise DataError(f"{data}: no face shares a landmark with the scheme of the models, {scheme.name}")
    points: list[CurvePoint] = []
    unreadable: dict[Path, str] = {}

    def measure(
        perturbation: str, level: float, on_error: OnError = lambda image, error: None
    ) -> list[PerturbedErrors]:
        """Measure all models; those with the same crops together, as the crops take time."""
        errors: dict[int, PerturbedErrors] = {}
        for size, margin in dict.fromkeys((model.crop_size, model.crop_margin) for model in loaded):
            same = [i for i, model in enumerate(loaded) if (model.crop_size, model.crop_margin) == (size, margin)]
            predictors = [loaded[i].predict for i in same]
            measured = perturbed_errors(predictors, samples, size, margin, perturbation, level, seed, on_error)
            errors.update(zip(same, measured, strict=True))
        return [errors[i] for i in range(len(loaded))]

    def add(perturbation: str, level: float, errors: list[PerturbedErrors], faces: np.ndarray) -> None:
        for region in REGIONS if perturbation in OCCLUSIONS else REGIONS[:1]:
            for label in models:
                runs = [getattr(e, region)[faces] for e, name in zip(errors, labels, strict=True) if name == label]
                runs = [run[np.isfinite(run)] for run in runs]
                if all(len(run) for run in runs):
                    means = [float(run.mean()) for run in runs]
                    std = float(np.std(means, ddof=1)) if len(means) > 1 else None
                    nme = float(np.mean(means))
                    points.append(CurvePoint(perturbation, level, label, region, len(runs[0]), nme, std))

    unperturbed = measure("blur", 0.0, lambda image, error: unreadable.update({image: str(error)}))
    is_readable = np.array([sample.path not in unreadable for sample in samples])
    if not is_readable.any():
        raise DataError(f"{data}: none of its images can be read: {next(iter(unreadable.values()))}")
    for perturbation, level in progress([(name, level) for name, levels in PERTURBATIONS.items() for level in levels]):
        add(perturbation, level, measure(perturbation, level) if level else unperturbed, is_readable)
    yaw = np.array([yaw_proxy(sample) for sample in samples])
    for low, high in pairwise(YAW_BINS):
        add(YAW, low, unperturbed, is_readable & (yaw >= low) & (yaw < high))
    return RobustnessCurves(int(is_readable.sum()), seed, "annotation", points, list(unreadable.values()))


def draw_curves(curves: RobustnessCurves, path: Path) -> None:
    """Draw the curves as an image: one plot for each perturbation, one color for each model.

    Args:
        curves: The curves.
        path: A .png, .jpg, .svg or .pdf file.
    """
    from matplotlib.figure import Figure  # without pyplot, which needs a display
    from matplotlib.lines import Line2D

    names = [*PERTURBATIONS, YAW]
    colors = {model: f"C{i}" for i, model in enumerate(dict.fromkeys(point.model for point in curves.points))}
    styles = dict(zip(REGIONS, ("-", "--", ":"), strict=True))
    figure = Figure(figsize=(15, 7.8), layout="constrained")
    plots = figure.subplots(2, 4).flatten()
    for axes, name in zip(plots, names, strict=True):
        plotted = [point for point in curves.points if point.perturbation == name]
        for model, color in colors.items():
            for region, style in styles.items():
                curve = [point for point in plotted if (point.model, point.region) == (model, region)]
                if not curve or (name in OCCLUSIONS and region == "all"):
                    continue
                x = np.arange(len(curve)) if name == YAW else np.array([point.level for point in curve])
                y = 100 * np.array([point.nme for point in curve])
                axes.plot(x, y, style, marker="o", markersize=3, color=color)
                if curve[0].std is not None:
                    std = 100 * np.array([point.std for point in curve])
                    axes.fill_between(x, y - std, y + std, color=color, alpha=0.15, lw=0)
        if name == "accessories":
            axes.set_xticks(range(1 + len(ACCESSORIES)), ["none", *ACCESSORIES])
        if name == "roll":
            axes.set_xticks(PERTURBATIONS[name])
        if name == YAW:
            bins = [point for point in plotted if point.model == next(iter(colors))]
            axes.set_xticks(range(len(bins)), [f"from {point.level:g}\n({point.num_faces} faces)" for point in bins])
        axes.set_title(name)
        axes.set_xlabel(fill(LEVEL_LABELS[name], 40))
        axes.set_ylabel("NME, %")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    legend = [Line2D([], [], color=color, label=model) for model, color in colors.items()]
    legend += [Line2D([], [], color="gray", ls=style, label=f"{name} landmarks") for name, style in styles.items()]
    figure.legend(handles=legend, loc="outside upper center", ncols=4)
    save_figure(figure, path)


def network_predictor(network: Any, output: str = "points") -> PointPredictor:
    """Wrap a torch network as a function of numpy crops.

    Args:
        network: An SDFL network on the CPU, in evaluation mode.
        output: Field of its prediction to return: "points", or "located_points", the positions before the graph.
    """
    import torch

    @torch.inference_mode()
    def predict(crops: np.ndarray) -> np.ndarray:
        return getattr(network(torch.from_numpy(crops)), output).numpy()

    return predict


def _load(path: str) -> _LoadedModel:
    """Load a bundled model, a model file or a checkpoint."""
    if Path(path).suffix != ".pt":
        model = Model(find_model(path))
        return _LoadedModel(lambda crops: model(crops)[0], model.scheme, model.crop_size, model.crop_margin)
    from facelattice.training.checkpoint import Checkpoint  # model files are evaluated without torch
    from facelattice.training.config import recipe_from_yaml
    from facelattice.training.onnx_export import load_network

    checkpoint = Checkpoint.load(Path(path))
    recipe = recipe_from_yaml(checkpoint.recipe)
    predict = network_predictor(load_network(checkpoint, recipe))
    scheme = Scheme.from_dict(checkpoint.metadata["scheme"])
    return _LoadedModel(predict, scheme, recipe.network.crop_size, recipe.crop_margin)
