"""Draw docs/images/edge_weights.jpg, edge weights without and with an occlusion: `python docs/draw_edge_weights.py`.

It needs the packages of the extra "evaluate". The photo is the example photo (public domain); a hand is drawn over it,
as in training. The script also prints how much the edge weights change.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import ArrowStyle, FancyArrowPatch
from matplotlib.patheffects import Normal, Stroke

from facelattice import FaceAligner, geometry, load_image
from facelattice.datasets.synthetic_occlusion import draw_accessory
from facelattice.visualization.figures import BLUE, ORANGE, save_figure

ROOT = Path(__file__).parents[1]
PATH = ROOT / "docs" / "images" / "edge_weights.jpg"
MODEL = "ibug68"
SEED = 0  # of the hand: it covers one half of the mouth
LANDMARKS = (33, 51, 55, 57, 59)  # with arrows from their neighbors: below the nose, upper lip, lower lip
ENLARGED = [*range(31, 36), *range(48, 68)]  # landmarks of the enlarged part: below the nose, mouth
ASPECT = 1.45  # width of the enlarged part / height
LEAST_CHANGE = 0.03  # of an edge weight that gets a color
LARGE_CHANGE = 0.1  # counted in the printed figures
WHITE, DARK = "#f4f4f4", "#1c2127"
TITLES = ("without a hand", "with a hand drawn over the face")
LEGEND = (
    "Top: the graph; the half of an edge at a landmark is as wide as the weight of the neighbor for this landmark.\n"
    "Below: arrows from the neighbors to five landmarks, with the edge weights in per cent; in a circle, the weight of "
    "the landmark itself."
)


def main() -> None:
    """Compute the edge weights of both crops, print their changes and draw them."""
    aligner = FaceAligner(MODEL)
    model, photo = aligner.model, load_image(ROOT / "examples" / "astronaut.jpg")
    (face,) = aligner(photo)
    matrix = geometry.crop_transform(face.box, model.crop_size, model.crop_margin)
    crop, points = geometry.warp(photo, matrix, model.crop_size), geometry.apply(matrix, face.points)
    known, rng = np.ones(len(points), bool), np.random.default_rng(SEED)
    with_hand, pixels = draw_accessory(crop, points, known, face.scheme, rng, kind="hand")
    crops = np.stack([crop, with_hand])
    x, y = points.round().astype(int).T
    weights, covered = model.edge_weights(crops), pixels[y, x]
    print_changes(weights, covered)
    draw(crops, model(crops).points, weights, covered)


def print_changes(weights: np.ndarray, covered: np.ndarray) -> None:
    """Print how much the edge weights (2, N, N) change; `covered` (N,) are the landmarks behind the hand."""
    is_edge, change = weights[0] > 0, weights[1] - weights[0]
    sizes = np.abs(change[is_edge])
    is_neighbor = is_edge & ~np.eye(len(covered), dtype=bool)
    from_covered = change[is_neighbor & ~covered[:, None] & covered]
    print(f"{MODEL}: {is_edge.sum()} weights, {covered.sum()} of {len(covered)} landmarks covered")
    print(f"mean change without its sign: {sizes.mean():.3f}, largest: {sizes.max():.3f}")
    print(f"weights that change by more than {LARGE_CHANGE}: {(sizes > LARGE_CHANGE).sum()}")
    print(f"covered neighbors of visible landmarks: {from_covered.mean():+.3f}, mean of {len(from_covered)} weights")


def draw(crops: np.ndarray, points: np.ndarray, weights: np.ndarray, covered: np.ndarray) -> None:
    """Draw both crops with the graph, enlarged parts with arrows, and the legend.

    Args:
        crops: RGB uint8 (2, S, S, 3).
        points: (2, N, 2), in their pixels.
        weights: Edge weights (2, N, N).
        covered: bool (N,), which landmarks are behind the hand.
    """
    figure = Figure(figsize=(11, 9.9), facecolor="white")
    grid = figure.add_gridspec(
        2, 2, height_ratios=(1, 1 / ASPECT), left=0.01, right=0.99, bottom=0.1, top=0.97, wspace=0.02, hspace=0.02
    )
    for k in range(2):
        colors = np.full(weights[k].shape, WHITE, dtype=object)
        colors[weights[k] - weights[0] > LEAST_CHANGE] = BLUE
        colors[weights[k] - weights[0] < -LEAST_CHANGE] = ORANGE
        dots = np.where(covered & (k == 1), DARK, WHITE)
        face, mouth = (figure.add_subplot(grid[row, k]) for row in range(2))
        face.set_title(TITLES[k])
        show_crop(face, crops[k], points[0], aspect=1, margin=1.12)
        draw_graph(face, points[k], weights[k], colors)
        show_crop(mouth, crops[k], points[0, ENLARGED], ASPECT, margin=1.3)
        for i in LANDMARKS:
            draw_neighbors(mouth, points[k], i, weights[k, i], colors[i])
        for axes, size in ((face, 22), (mouth, 55)):
            axes.scatter(*points[k].T, size, dots, edgecolors=DARK, linewidths=0.8, zorder=3)
    edge = [Stroke(linewidth=8.5, foreground=DARK), Normal()]
    handles = [
        *(Line2D([], [], color=color, linewidth=7, path_effects=edge) for color in (WHITE, BLUE, ORANGE)),
        Line2D([], [], color=DARK, marker="o", linestyle=""),
    ]
    labels = [
        f"changes by less than {100 * LEAST_CHANGE:.0f} percentage points",
        "larger than without the hand",
        "smaller",
        "covered landmark",
    ]
    figure.legend(handles, labels, ncols=4, loc="lower center", frameon=False, bbox_to_anchor=(0.5, 0.05))
    figure.text(0.5, 0.012, LEGEND, ha="center", linespacing=1.5)
    save_figure(figure, PATH)


def show_crop(axes: Axes, crop: np.ndarray, points: np.ndarray, aspect: float, margin: float) -> None:
    """Show the part of a crop around points, with a given ratio of width and height."""
    low, high = points.min(0), points.max(0)
    (x, y), half = (low + high) / 2, margin * max(high[0] - low[0], aspect * (high[1] - low[1])) / 2
    axes.imshow(crop, interpolation="lanczos")
    axes.axis("off")
    axes.set(xlim=(x - half, x + half), ylim=(y + half / aspect, y - half / aspect))


def draw_graph(axes: Axes, points: np.ndarray, weights: np.ndarray, colors: np.ndarray) -> None:
    """Draw all edges; the half at a landmark is as wide as the weight that the neighbor at the other end has for it."""
    edges = [(i, j) for i, j in np.argwhere(weights > 0) if i != j]
    axes.plot(*points[edges].transpose(2, 1, 0), color=WHITE, linewidth=0.6)
    for i, j in edges:
        half, width = np.stack([points[i], (points[i] + points[j]) / 2]), 0.6 + 9 * weights[i, j]
        edge = [Stroke(linewidth=width + 1.2, foreground=DARK), Normal()]
        axes.plot(*half.T, color=colors[i, j], linewidth=width, solid_capstyle="butt", path_effects=edge)


def draw_neighbors(axes: Axes, points: np.ndarray, landmark: int, weights: np.ndarray, colors: np.ndarray) -> None:
    """Draw the edge weights (N,) of a landmark: arrows from its neighbors, and the numbers beside them."""
    end = points[landmark]
    neighbors = [j for j in np.flatnonzero(weights) if j != landmark]
    middles = 0.6 * points[neighbors] + 0.4 * end
    for j, middle in zip(neighbors, middles, strict=True):
        width = 1.5 + 18 * weights[j]
        style = ArrowStyle.Simple(head_length=7 + width / 2, head_width=8 + 1.2 * width, tail_width=width)
        axes.add_patch(
            FancyArrowPatch(
                tuple(points[j]), tuple(end), arrowstyle=style, facecolor=colors[j], edgecolor=DARK, linewidth=0.8,
                shrinkA=2, shrinkB=11, zorder=2,
            )
        )  # fmt: skip
        along = (end - points[j]) / np.linalg.norm(end - points[j])
        aside = np.array([-along[1], along[0]])
        nearest = sorted(middles, key=lambda other: np.linalg.norm(other - middle))[1]
        aside *= np.sign((middle - nearest) @ aside)  # on the other side of the arrow than the next arrow
        axes.annotate(
            f"{100 * weights[j]:.0f}", middle, (13 + width / 2) * aside * (1, -1), textcoords="offset points", zorder=5,
            ha="center", va="center_baseline",
            bbox={"boxstyle": "round,pad=0.15", "facecolor": WHITE, "edgecolor": "none", "alpha": 0.85},
        )  # fmt: skip
    axes.plot(*end, "o", color=colors[landmark], markeredgecolor=DARK, markersize=21, zorder=4)
    axes.text(*end, f"{100 * weights[landmark]:.0f}", ha="center", va="center_baseline", zorder=5)


if __name__ == "__main__":
    main()
