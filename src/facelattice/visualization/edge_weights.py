"""Whom a point listens to in this image, and what changes when some of those it listens to are hidden.

explanation = explain(model, image, face)
explanation.before                    # the weights of its neighbors, itself first
draw(explanation, Path("explained.png"))
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facelattice import geometry
from facelattice.face import Face
from facelattice.inference.onnx_model import Model
from facelattice.visualization.figures import BLUE, ORANGE, save

LEAST = 0.12  # radius of the patch, as a share of the face's size
GRAY = 128
CALM, STRUCK = BLUE, ORANGE


@dataclass(frozen=True, eq=False)
class Explanation:
    """One point of one face, with the image as it is and with a patch painted over some of the point's neighbors.

    neighbors: the points that it listens to, itself first, then the strongest first; before, after: their weights,
    each 1 in sum.  covered: bool, which of the neighbors are under the patch.  crops: uint8 (2, S, S, 3).
    points: (2, N, 2), where the points were found in the crops, their pixels.
    """

    name: str
    point: int
    neighbors: list[int]
    before: np.ndarray
    after: np.ndarray
    covered: np.ndarray
    crops: np.ndarray
    points: np.ndarray
    names: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        moved = np.linalg.norm(self.points[1] - self.points[0], axis=1)
        rows = zip(self.neighbors, self.before, self.after, self.covered, strict=True)
        return {
            "model": self.name,
            "point": self.point,
            "name": self.names[self.point],
            "moved": round(float(moved[self.point]), 2),
            "crop": len(self.crops[0]),
            "neighbors": [
                {"point": i, "name": self.names[i], "weight": round(float(b), 4), "with_patch": round(float(a), 4),
                 "covered": bool(c)}
                for i, b, a, c in rows
            ],
        }  # fmt: skip


def explain(model: Model, image: np.ndarray, face: Face, point: int | None = None) -> Explanation:
    """The weights of ``point``'s neighbors on this face of an image (H, W, 3), as it is and with a patch on them.

    point: counted from 0; if not said, the one that listens to its neighbors most evenly. The patch is a gray disc
    that covers the strongest neighbor but never the point itself. Raises ValueError for a point that is not there,
    ModelError for a model without a graph.
    """
    n = len(model.scheme)
    if point is not None and not 0 <= point < n:
        raise ValueError(f"there is no point {point}; {model.scheme.name} has 0 to {n - 1}")
    matrix = geometry.crop_transform(face.box, model.crop_size, model.crop_margin)
    crop = geometry.warp(image, matrix, model.crop_size)
    weights = model.edge_weights(crop[None])[0]
    if point is None:
        point = int((weights * np.log(np.maximum(weights, 1e-12))).sum(1).argmin())  # the highest entropy
    row = np.delete(np.arange(n), point)
    order = [point, *row[np.argsort(-weights[point, row], kind="stable")]]
    neighbors = [int(i) for i in order if i == point or weights[point, i] > 0]
    points = model(crop[None])[0][0]
    center, radius = _disc(points, point, neighbors[1:])
    patched = cv2.circle(crop.copy(), *_whole(center, radius), (GRAY,) * 3, cv2.FILLED, cv2.LINE_AA)
    covered = np.linalg.norm(points[neighbors] - center, axis=1) < radius
    after = model.edge_weights(patched[None])[0]
    crops = np.stack([crop, patched])
    return Explanation(
        model.name, point, neighbors, weights[point, neighbors], after[point, neighbors], covered, crops,
        model(crops)[0], model.scheme.names,
    )  # fmt: skip


def _disc(points: np.ndarray, point: int, others: list[int]) -> tuple[np.ndarray, float]:
    """Middle and radius of a disc over the strongest of the others, on the side away from the point."""
    if not others:
        raise ValueError(f"point {point} listens to no other, so there is nothing to hide from it")
    away = points[others[0]] - points[point]
    distance = max(float(np.linalg.norm(away)), 1e-6)
    radius = max(distance, LEAST * geometry.box_side(geometry.points_box(points)))
    return points[others[0]] + away / distance * (radius - 0.3 * distance), radius


def _whole(center: np.ndarray, radius: float) -> tuple[tuple[int, int], int]:
    return (round(float(center[0])), round(float(center[1]))), round(radius)


def draw(explanation: Explanation, path: Path) -> None:
    """The two crops with lines to the neighbors, as wide as their weights, and the weights as bars.

    The file's name says its kind: .png, .jpg, .svg or .pdf. Raises ValueError for another kind of file.
    """
    from matplotlib.figure import Figure

    e = explanation
    figure = Figure(figsize=(9, 7.4), layout="constrained", facecolor="white")
    grid = figure.add_gridspec(2, 2, height_ratios=(2.1, 1))
    for k, (title, weights, color) in enumerate((("as it is", e.before, CALM), ("with a patch", e.after, STRUCK))):
        axes = figure.add_subplot(grid[0, k])
        axes.imshow(e.crops[k], interpolation="bilinear")
        axes.plot(*e.points[k].T, ".", color="white", markersize=2.5, alpha=0.9)
        x, y = e.points[k][e.point]
        for i, weight in zip(e.neighbors[1:], weights[1:], strict=True):
            axes.plot([x, e.points[k][i, 0]], [y, e.points[k][i, 1]], color=color, linewidth=0.5 + 5 * weight)
        axes.plot(x, y, "o", color=color, markeredgecolor="white", markersize=7)
        axes.set_title(f"{title}: point {e.point} ({e.names[e.point]})", fontsize="medium")
        axes.set_xlim(-0.5, e.crops.shape[2] - 0.5)
        axes.set_ylim(e.crops.shape[1] - 0.5, -0.5)
        axes.axis("off")
    axes = figure.add_subplot(grid[1, :])
    places = np.arange(len(e.neighbors))
    axes.bar(places - 0.2, e.before, 0.4, color=CALM, label="as it is")
    axes.bar(places + 0.2, e.after, 0.4, color=STRUCK, label="with a patch")
    names = [
        "itself" if i == e.point else f"{i} {e.names[i]}" + ("\n(covered)" if c else "")
        for i, c in zip(e.neighbors, e.covered, strict=True)
    ]
    axes.set_xticks(places, names, fontsize="small")
    axes.set_ylabel("weight")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small")
    save(figure, path)
