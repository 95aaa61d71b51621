"""The landmark graph to look at: who listens to whom, how closely they move together, drawn over the mean face.

lattice = of_model(Model(find_model("ibug68")))
draw(lattice, Path("graph.svg"))
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facelattice.exceptions import ModelError
from facelattice.inference.onnx_model import Model
from facelattice.schemes import SCHEMES, Scheme, mean_shape
from facelattice.visualization.figures import BLUE, ORANGE, save

MUTUAL, ONE_WAY = BLUE, ORANGE


@dataclass(frozen=True, eq=False)
class LandmarkGraph:
    """scheme: what the N points are.  edges: (listener, listened to, correlation) of each edge, itself left out.
    shape: (N, 2), the mean face in the unit box; None where no face is complete."""

    scheme: Scheme
    k: int
    symmetric: bool
    edges: list[tuple[int, int, float]]
    shape: np.ndarray | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, as model files carry it under "graph"."""
        shape = None if self.shape is None else np.round(np.asarray(self.shape, float), 4).tolist()
        edges = [[i, j, round(c, 4)] for i, j, c in self.edges]
        return {"k": self.k, "symmetric": self.symmetric, "edges": edges, "shape": shape}


def graph_from_correlation(
    scheme: Scheme, graph: np.ndarray, correlation: np.ndarray, k: int, symmetric: bool, shape: np.ndarray | None
) -> LandmarkGraph:
    """The lattice of a graph bool (N, N) and the correlations (N, N) that it was made by (`method.graph`)."""
    edges = [(int(i), int(j), float(correlation[i, j])) for i, j in np.argwhere(graph) if i != j]
    return LandmarkGraph(scheme, k, symmetric, edges, shape)


def of_model(model: Model) -> LandmarkGraph:
    """The graph that a model file says it was made with. Raises ModelError where it has none."""
    stated = model.info.graph
    if stated is None:
        raise ModelError(f"{model.path}: it states no graph (a fully connected head, dense edges, or an older file)")
    shape = None if stated["shape"] is None else np.array(stated["shape"])
    return LandmarkGraph(model.scheme, stated["k"], stated["symmetric"], [tuple(e) for e in stated["edges"]], shape)


def draw(lattice: LandmarkGraph, path: Path) -> None:
    """The graph as an image: lines as wide as the correlation, an arrow where only one listens.

    The file's name says its kind: .png, .jpg, .svg or .pdf. Raises ValueError for another, and where the scheme has no
    mean face.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import FancyArrowPatch

    built_in = lattice.scheme.name in SCHEMES
    shape = mean_shape(lattice.scheme) if built_in else lattice.shape
    if shape is None:
        raise ValueError(f"there is no complete face of {lattice.scheme.name} to draw the graph on")
    correlations = {(i, j): c for i, j, c in lattice.edges}
    low, high = min(correlations.values(), default=0.0), max(correlations.values(), default=1.0)
    middle = shape.mean(0)
    figure = Figure(figsize=(8, 8.4), layout="constrained", facecolor="white")
    axes = figure.add_subplot(aspect="equal")
    axes.axis("off")
    for (i, j), c in correlations.items():
        mutual = (j, i) in correlations
        if mutual and i > j:
            continue
        width = 0.5 + 3 * (c - low) / max(high - low, 1e-9)
        along, inwards = shape[i] - shape[j], middle - (shape[i] + shape[j]) / 2
        bend = 0.18 if along[0] * inwards[1] - along[1] * inwards[0] >= 0 else -0.18  # inwards: left is as right
        patch = FancyArrowPatch(
            tuple(shape[j]), tuple(shape[i]), arrowstyle="-" if mutual else "-|>", linewidth=width,
            connectionstyle=f"arc3,rad={0 if mutual else bend}", color=MUTUAL if mutual else ONE_WAY, alpha=0.8,
            mutation_scale=9, shrinkA=2, shrinkB=4, gid=f"edge-{i}-{j}",
        )  # fmt: skip
        axes.add_patch(patch)
    axes.plot(*shape.T, "o", color="#1c2127", markersize=3.5)
    for i, point in enumerate(shape):  # outwards, off the lines
        away = (point - middle) / (np.linalg.norm(point - middle) + 1e-9)
        axes.annotate(str(i), point, 7 * away * (1, -1), textcoords="offset points", ha="center", va="center",
                      fontsize=6.5, color="#5d6772")  # fmt: skip
    pairs = sum((j, i) in correlations for i, j in correlations) // 2
    single = f"{len(correlations) - 2 * pairs} only one way: the arrow points at who listens"
    labels = {MUTUAL: f"{pairs} pairs listen to each other", ONE_WAY: single}
    handles = [Line2D([], [], color=color, linewidth=2, label=label) for color, label in labels.items()]
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0), frameon=False, fontsize="small")
    kind = "both ways" if lattice.symmetric else "directed"
    axes.set_title(
        f"{lattice.scheme.name}: {len(correlations)} edges, k = {lattice.k}, {kind}; width: correlation, "
        f"{low:.3f} to {high:.3f}", fontsize="medium",
    )  # fmt: skip
    axes.invert_yaxis()
    axes.margins(0.06)
    save(figure, path)
