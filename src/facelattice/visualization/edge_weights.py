"""The edge weights of one landmark on one face, and how they change when some of its neighbors are occluded.

Example:
    explanation = explain_point(model, image, face, point=8)
    draw_edge_weights(explanation, "edge_weights.png")
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from facelattice import geometry
from facelattice.exceptions import ArgumentError
from facelattice.face import Face
from facelattice.visualization.figures import BLUE, ORANGE, figure_format, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from facelattice.inference.onnx_model import Model

MIN_RADIUS = 0.12  # of the disc, relative to the size of the face
GRAY = (128, 128, 128)
TITLES, COLORS = ("original", "occluded"), (BLUE, ORANGE)


@dataclass(frozen=True, eq=False)
class EdgeWeightExplanation:
    """Edge weights of one point on one face, without and with a gray disc over some of its neighbors.

    Attributes:
        model_name: Name of the model.
        point: The point, counted from 0.
        names: Names of all N points.
        neighbors: The K neighbors of the point, the point itself first, then by descending edge weight.
        edge_weights: (K,), without the disc; the sum is 1.
        edge_weights_occluded: (K,), with the disc; the sum is 1.
        occluded: bool (K,), which neighbors are under the disc.
        crops: RGB uint8 (2, S, S, 3), the crop of the face without and with the disc.
        points: (2, N, 2), the points that the model predicts in the crops, in pixels of the crops.
    """

    model_name: str
    point: int
    names: tuple[str, ...]
    neighbors: list[int]
    edge_weights: np.ndarray
    edge_weights_occluded: np.ndarray
    occluded: np.ndarray
    crops: np.ndarray
    points: np.ndarray

    @property
    def displacement(self) -> float:
        """Distance between the positions of the point without and with the disc, in pixels of the crop."""
        before, after = self.points[:, self.point]
        return float(np.linalg.norm(after - before))

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and strings for JSON."""
        rows = zip(self.neighbors, self.edge_weights, self.edge_weights_occluded, self.occluded, strict=True)
        return {
            "model": self.model_name,
            "point": self.point,
            "name": self.names[self.point],
            "displacement_px": round(self.displacement, 2),
            "crop_size": len(self.crops[0]),
            "neighbors": [
                {"point": i, "name": self.names[i], "edge_weight": round(float(weight), 4),
                 "edge_weight_occluded": round(float(weight_occluded), 4), "occluded": bool(occluded)}
                for i, weight, weight_occluded, occluded in rows
            ],
        }  # fmt: skip


def explain_point(model: Model, image: np.ndarray, face: Face, point: int | None = None) -> EdgeWeightExplanation:
    """Compute the edge weights of a point on a face, without and with a gray disc over its strongest neighbor.

    Args:
        model: A model with a landmark graph.
        image: RGB uint8 (H, W, 3).
        face: The face in the image.
        point: The point, counted from 0; None chooses the point with the most evenly distributed edge weights.

    Raises:
        ArgumentError: If the scheme has no such point, or the point has no neighbors.
        ModelError: If the model has no landmark graph.
    """
    num_points = len(model.scheme)
    if point is not None and not 0 <= point < num_points:
        raise ArgumentError(f"there is no point {point}; {model.scheme.name} has the points 0 to {num_points - 1}")
    matrix = geometry.crop_transform(face.box, model.crop_size, model.crop_margin)
    crop = geometry.warp(image, matrix, model.crop_size)
    weights = model.edge_weights(crop[None])[0]  # (N, N)
    if point is None:
        entropies = -(weights * np.log(np.maximum(weights, 1e-12))).sum(1)
        point = int(entropies.argmax())
    others = np.delete(np.arange(num_points), point)
    others = others[np.argsort(-weights[point, others], kind="stable")]
    neighbors = [point, *(int(i) for i in others if weights[point, i] > 0)]
    if len(neighbors) == 1:
        raise ArgumentError(f"point {point} has no neighbors, so no neighbor can be occluded")
    points = model(crop[None]).points[0]
    center, radius = _disc_over(points, neighbors[1], point)
    occluded_crop = cv2.circle(crop.copy(), _rounded(center), round(radius), GRAY, cv2.FILLED, cv2.LINE_AA)
    crops = np.stack([crop, occluded_crop])
    return EdgeWeightExplanation(
        model_name=model.name,
        point=point,
        names=model.scheme.names,
        neighbors=neighbors,
        edge_weights=weights[point, neighbors],
        edge_weights_occluded=model.edge_weights(occluded_crop[None])[0][point, neighbors],
        occluded=np.linalg.norm(points[neighbors] - center, axis=1) < radius,
        crops=crops,
        points=model(crops).points,
    )


def _disc_over(points: np.ndarray, neighbor: int, point: int) -> tuple[np.ndarray, float]:
    """Return center and radius of a disc that covers a neighbor of a point, but not the point."""
    away = points[neighbor] - points[point]
    distance = max(float(np.linalg.norm(away)), 1e-6)
    radius = max(distance, MIN_RADIUS * geometry.box_side(geometry.points_box(points)))
    return points[neighbor] + away / distance * (radius - 0.3 * distance), radius


def _rounded(point: np.ndarray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def draw_edge_weights(explanation: EdgeWeightExplanation, path: str | os.PathLike[str]) -> None:
    """Draw both crops, with lines to the neighbors as wide as the edge weights, and the edge weights as bars.

    Args:
        explanation: The result of `explain_point`.
        path: The drawing, .png, .jpg, .svg or .pdf.

    Raises:
        ArgumentError: If ``path`` has another suffix.
        MissingDependencyError: If matplotlib is not installed.
    """
    figure_format(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7.4), layout="constrained", facecolor="white")
    grid = figure.add_gridspec(2, 2, height_ratios=(2.1, 1))
    _draw_crop(figure.add_subplot(grid[0, 0]), explanation, 0)
    _draw_crop(figure.add_subplot(grid[0, 1]), explanation, 1)
    _draw_bars(figure.add_subplot(grid[1, :]), explanation)
    save_figure(figure, path)


def _draw_crop(axes: Axes, e: EdgeWeightExplanation, k: int) -> None:
    """Draw the crop without (k = 0) or with (k = 1) the disc."""
    weights, points, color = (e.edge_weights, e.edge_weights_occluded)[k], e.points[k], COLORS[k]
    axes.imshow(e.crops[k], interpolation="bilinear")
    axes.plot(*points.T, ".", color="white", markersize=2.5, alpha=0.9)
    x, y = points[e.point]
    for i, weight in zip(e.neighbors[1:], weights[1:], strict=True):
        axes.plot([x, points[i, 0]], [y, points[i, 1]], color=color, linewidth=0.5 + 5 * weight)
    axes.plot(x, y, "o", color=color, markeredgecolor="white", markersize=7)
    axes.set_title(f"{TITLES[k]}: landmark {e.point} ({e.names[e.point]})", fontsize="medium")
    axes.set_xlim(-0.5, e.crops.shape[2] - 0.5)
    axes.set_ylim(e.crops.shape[1] - 0.5, -0.5)
    axes.axis("off")


def _draw_bars(axes: Axes, e: EdgeWeightExplanation) -> None:
    places = np.arange(len(e.neighbors))
    axes.bar(places - 0.2, e.edge_weights, 0.4, color=BLUE, label=TITLES[0])
    axes.bar(places + 0.2, e.edge_weights_occluded, 0.4, color=ORANGE, label=TITLES[1])
    labels = [
        "itself" if i == e.point else f"{i} {e.names[i]}" + ("\n(occluded)" if occluded else "")
        for i, occluded in zip(e.neighbors, e.occluded, strict=True)
    ]
    axes.set_xticks(places, labels, fontsize="small")
    axes.set_xlabel("neighbors")
    axes.set_ylabel("edge weight")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small")
