"""Drawing of a landmark graph over the mean face.

Example:
    draw_landmark_graph(LandmarkGraph.from_model(Model(find_model("ibug68"))), "graph.svg")
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facelattice.exceptions import ArgumentError, ModelError
from facelattice.schemes import SCHEMES, Scheme, mean_shape
from facelattice.visualization.figures import BLUE, ORANGE, figure_format, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from facelattice.inference.onnx_model import Model


@dataclass(frozen=True, eq=False)
class LandmarkGraph:
    """The graph of a model, or of annotated faces.

    Attributes:
        scheme: Scheme of the N points.
        k: Number of neighbors of each point.
        symmetric: Whether the reverse of each edge was added.
        edges: (point, neighbor, correlation) of each edge, without self-loops.
        shape: Mean face (N, 2) in the unit box, or None if no face is complete.
    """

    scheme: Scheme
    k: int
    symmetric: bool
    edges: list[tuple[int, int, float]]
    shape: np.ndarray | None

    @classmethod
    def from_metadata(cls, scheme: Scheme, metadata: Mapping[str, Any]) -> LandmarkGraph:
        """Read the entry "graph" of the metadata of a model file, see `ModelInfo.graph`."""
        shape = None if metadata["shape"] is None else np.array(metadata["shape"], float)
        edges = [(int(point), int(neighbor), float(c)) for point, neighbor, c in metadata["edges"]]
        return cls(scheme, metadata["k"], metadata["symmetric"], edges, shape)

    @classmethod
    def from_model(cls, model: Model) -> LandmarkGraph:
        """Read the graph of a model.

        Raises:
            ModelError: If the model has none.
        """
        if model.info.graph is None:
            raise ModelError(f"{model.path}: the model has no landmark graph (its head is fully connected or dense)")
        return cls.from_metadata(model.scheme, model.info.graph)


def draw_landmark_graph(graph: LandmarkGraph, path: str | os.PathLike[str]) -> None:
    """Draw a graph over the mean face: lines are as wide as the correlation, and one-way edges have an arrow.

    Args:
        graph: The graph.
        path: The drawing, .png, .jpg, .svg or .pdf.

    Raises:
        ArgumentError: If the scheme has no mean face, or ``path`` has another suffix.
        MissingDependencyError: If matplotlib is not installed.
    """
    figure_format(path)
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    shape = mean_shape(graph.scheme) if graph.scheme.name in SCHEMES else graph.shape
    if shape is None:
        raise ArgumentError(f"there is no complete face of the scheme {graph.scheme.name} to draw the graph on")
    correlations = {(i, j): c for i, j, c in graph.edges}
    low, high = min(correlations.values(), default=0.0), max(correlations.values(), default=1.0)
    figure = Figure(figsize=(8, 8.4), layout="constrained", facecolor="white")
    axes = figure.add_subplot(aspect="equal")
    axes.axis("off")
    for (i, j), correlation in correlations.items():
        width = 0.5 + 3 * (correlation - low) / max(high - low, 1e-9)
        if (j, i) not in correlations:
            _draw_edge(axes, shape, i, j, width, is_mutual=False)
        elif i < j:
            _draw_edge(axes, shape, i, j, width, is_mutual=True)
    _draw_points(axes, shape)
    num_mutual = sum((j, i) in correlations for i, j in correlations)
    labels = {
        BLUE: f"{num_mutual} edges that go both ways",
        ORANGE: f"{len(correlations) - num_mutual} edges that go one way: arrow from the neighbor to the landmark",
    }
    handles = [Line2D([], [], color=color, linewidth=2, label=label) for color, label in labels.items()]
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0), frameon=False, fontsize="small")
    kind = "symmetric" if graph.symmetric else "directed"
    axes.set_title(
        f"{graph.scheme.name}: {len(correlations)} edges, k = {graph.k}, {kind}; line width: correlation "
        f"{low:.3f} to {high:.3f}", fontsize="medium",
    )  # fmt: skip
    axes.invert_yaxis()
    axes.margins(0.06)
    save_figure(figure, path)


def _draw_edge(axes: Axes, shape: np.ndarray, point: int, neighbor: int, width: float, is_mutual: bool) -> None:
    from matplotlib.patches import FancyArrowPatch

    start, end = shape[neighbor], shape[point]
    along, inwards = end - start, shape.mean(0) - (start + end) / 2
    # All edges bend inwards, so that the drawing is symmetric.
    bend = 0.18 if along[0] * inwards[1] - along[1] * inwards[0] >= 0 else -0.18
    patch = FancyArrowPatch(
        tuple(start), tuple(end), arrowstyle="-" if is_mutual else "-|>", linewidth=width,
        connectionstyle=f"arc3,rad={0 if is_mutual else bend}", color=BLUE if is_mutual else ORANGE, alpha=0.8,
        mutation_scale=9, shrinkA=2, shrinkB=4, gid=f"edge-{point}-{neighbor}",
    )  # fmt: skip
    axes.add_patch(patch)


def _draw_points(axes: Axes, shape: np.ndarray) -> None:
    """Draw the points with their numbers outside of the face."""
    axes.plot(*shape.T, "o", color="#1c2127", markersize=3.5)
    center = shape.mean(0)
    for i, point in enumerate(shape):
        outwards = (point - center) / (np.linalg.norm(point - center) + 1e-9)
        axes.annotate(
            str(i), point, 7 * outwards * (1, -1), textcoords="offset points", ha="center", va="center", fontsize=6.5,
            color="#5d6772",
        )  # fmt: skip
