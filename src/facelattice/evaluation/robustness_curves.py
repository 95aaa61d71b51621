"""Robustness curves: how the error of one or several models grows as faces get harder, measured and drawn.

    result = curves({"graph": ["runs/a/last.pt", "runs/b/last.pt"], "linear": ["runs/c/last.pt"]}, data)
    draw(result, "curves.png")

Models under one label are runs of the same recipe with other seeds: their mean is drawn, and how far they spread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from facelattice.datasets.readers.detect_layout import read_samples_for
from facelattice.datasets.sample import convert_samples
from facelattice.datasets.synthetic_occlusion import KINDS
from facelattice.evaluation.robustness import CHANGES, HIDING, TURNS, UNITS, Errors, Predict, measure, turn
from facelattice.exceptions import DataError
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.schemes import Scheme
from facelattice.visualization.figures import save

HIDDEN, VISIBLE = "hidden", "visible"


def curves(
    models: Mapping[str, Sequence[str]],
    data: Path,
    subset: str | None = None,
    seed: int = 0,
    progress: Callable[[list[tuple[str, float]]], Any] = iter,
) -> dict[str, Any]:
    """The errors of models (names, model files or checkpoints, by label) on the faces at ``data`` (`read_samples`),
    changed, as plain values.

    {"faces": M, "curves": [{"change", "level", "model", "part", "nme", "deviation"}, ...]}: "part" is "all", and where
    something covers the face also "hidden" and "visible"; NME is a share of the face size, the mean over faces and
    runs; "deviation" is the standard deviation over runs, None for one. Of the change "turn", levels are the lower
    edges of the bins; of "worn" they count through nothing, sunglasses, a mask and a hand.

    Raises DataError where the models' schemes or crops differ: then they do not see the same faces alike.
    """
    labels = [label for label, paths in models.items() for _ in paths]
    loaded = [_load(path) for paths in models.values() for path in paths]
    (_, scheme, size, margin), *others = loaded
    for _, other, its_size, its_margin in others:
        if (other.name, its_size, its_margin) != (scheme.name, size, margin):
            raise DataError(
                f"models to compare must take the same crops and give the same points: {scheme.name}, {size} px x "
                f"{margin:g} is not {other.name}, {its_size} px x {its_margin:g}"
            )
    faces = convert_samples(read_samples_for(scheme, data, subset), scheme, None)
    if not faces:
        raise DataError(f"no face shares a point with the models' scheme, {scheme.name}")
    predicts = [predict for predict, *_ in loaded]
    rows: list[dict[str, Any]] = []

    def add(change: str, level: float, errors: list[Errors], chosen: np.ndarray) -> None:
        for part in ("all", HIDDEN, VISIBLE):
            for label in models:
                runs = [getattr(e, part)[chosen] for e, name in zip(errors, labels, strict=True) if name == label]
                runs = [run[np.isfinite(run)] for run in runs]
                if all(len(run) for run in runs) and (part == "all" or change in HIDING):
                    means = [float(run.mean()) for run in runs]
                    deviation = float(np.std(means, ddof=1)) if len(means) > 1 else None
                    rows.append({"change": change, "level": level, "model": label, "part": part, "faces": len(runs[0]),
                                 "nme": float(np.mean(means)), "deviation": deviation})  # fmt: skip

    everyone = np.ones(len(faces), bool)
    for change, level in progress([(change, level) for change, levels in CHANGES.items() for level in levels]):
        add(change, level, measure(predicts, faces, size, margin, change, level, seed), everyone)
    turns, plain = np.array([turn(face) for face in faces]), measure(predicts, faces, size, margin)
    for low, high in pairwise(TURNS):
        add("turn", low, plain, (turns >= low) & (turns < high))
    return {"faces": len(faces), "seed": seed, "boxes": "annotation", "curves": rows}


def draw(result: dict[str, Any], path: Path) -> None:
    """The curves of a result as an image (.png, .jpg, .svg, .pdf): a plot for each change, a color for each model."""
    from matplotlib.figure import Figure  # not pyplot: that would look for a screen

    rows = result["curves"]
    changes = [*CHANGES, "turn"]
    colors = {model: f"C{i}" for i, model in enumerate(dict.fromkeys(row["model"] for row in rows))}
    figure = Figure(figsize=(15, 7.5), layout="constrained")
    plots = figure.subplots(2, 4).flatten()
    for axes in plots[len(changes) :]:
        axes.remove()
    for axes, change in zip(plots, changes, strict=False):
        for model, color in colors.items():
            for part, style in (("all", "-"), (HIDDEN, "--"), (VISIBLE, ":")):
                if change in HIDING and part == "all":
                    continue  # what is hidden and what is not answer the question; their mixture does not
                own = [r for r in rows if (r["change"], r["model"], r["part"]) == (change, model, part)]
                if not own:
                    continue
                x, y = np.arange(len(own)) if change == "turn" else [r["level"] for r in own], [r["nme"] for r in own]
                axes.plot(x, 100 * np.array(y), style, marker="o", markersize=3, color=color,
                          label=model if part == "all" else f"{model}, {part}")  # fmt: skip
                if own[0]["deviation"] is not None:
                    spread = np.array([r["deviation"] for r in own])
                    axes.fill_between(x, 100 * (y - spread), 100 * (y + spread), color=color, alpha=0.15, lw=0)
        if change == "worn":
            axes.set_xticks(range(1 + len(KINDS)), ["nothing", *KINDS])
        if change == "turn":
            bins = [r for r in rows if r["change"] == "turn" and r["model"] == next(iter(colors))]
            axes.set_xticks(range(len(bins)), [f"from {r['level']:g}\n({r['faces']} faces)" for r in bins])
        axes.set_title(change)
        axes.set_xlabel(fill(UNITS[change], 40))
        axes.set_ylabel("NME, %")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize="small")
    save(figure, path)


def _load(path: str) -> tuple[Predict, Scheme, int, float]:
    """A bundled model, model file or checkpoint: what makes points of crops, their scheme, crop size and margin."""
    if Path(path).suffix != ".pt":
        model = Model(find_model(path))
        return lambda crops: model(crops)[0], model.scheme, model.crop_size, model.crop_margin
    from facelattice.training import checkpoint  # here, as model files are measured without torch
    from facelattice.training.config import recipe_from_yaml
    from facelattice.training.onnx_export import load_network

    state = checkpoint.load(Path(path))
    recipe = recipe_from_yaml(state["recipe"])
    scheme = Scheme.from_dict(state["info"]["scheme"])
    return predictor(load_network(state, recipe)), scheme, recipe.size, recipe.margin


def predictor(network: Any, output: str = "points") -> Predict:
    """A network in torch as a function of crops in numpy, which gives its points, or where they were before the graph
    ("anchors")."""
    import torch

    @torch.inference_mode()
    def predict(crops: np.ndarray) -> np.ndarray:
        return getattr(network(torch.from_numpy(crops)), output).numpy()

    return predict
