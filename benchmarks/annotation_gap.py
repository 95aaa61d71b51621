"""Mean offset of each landmark between predictions and annotations, which shows different habits of annotation.

    python benchmarks/annotation_gap.py ibug68-fast DATA/300W/helen/trainset -o gap.svg

Each face is turned upright and scaled by its outer eye corners, so offsets are in per cent of the inter-ocular
distance: outwards means away from the middle of the face, down means towards the chin. The error without the offsets
is that of predictions from which the mean offset of each landmark was subtracted.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from result import add_json_option, add_name_option, run, write_result

from facelattice import geometry
from facelattice.evaluation.evaluate import evaluate
from facelattice.evaluation.scores import Scores
from facelattice.exceptions import DataError
from facelattice.metrics import nanmean
from facelattice.schemes import Scheme

MAGNIFICATION = 5  # of the arrows, as offsets are a few per cent of the inter-ocular distance


@dataclass(frozen=True, eq=False)
class AnnotationGap:
    """Offsets of M faces with N landmarks, in the axes of the upright face and in inter-ocular distances.

    Attributes:
        scheme: Scheme of the landmarks.
        shape: (N, 2), mean annotated face; the outer eye corners are at (-0.5, 0) and (0.5, 0), y points down.
        offsets: (M, N, 2), predicted minus annotated landmarks, NaN where one of both is missing.
    """

    scheme: Scheme
    shape: np.ndarray
    offsets: np.ndarray


def measure_gap(scores: Scores) -> AnnotationGap:
    """Return the offsets of the faces that were found and whose outer eye corners are annotated.

    Raises:
        DataError: If the scheme has no outer eye corners, or there are fewer than two such faces.
    """
    ocular = scores.scheme.ocular
    if ocular is None:
        raise DataError(f"{scores.scheme.name}: the scheme names no outer eye corners (ocular)")
    truth, predicted = [], []
    for annotated, points in zip(scores.truth, scores.predicted, strict=True):
        corners = np.array([annotated[list(ids)].mean(0) for ids in ocular])
        if np.isfinite(corners).all() and np.ptp(corners, axis=0).any() and np.isfinite(points).any():
            upright = geometry.similarity(corners, np.array([[-0.5, 0], [0.5, 0]]))
            truth.append(geometry.apply(upright, annotated))
            predicted.append(geometry.apply(upright, points))
    if len(truth) < 2:
        raise DataError(f"{len(truth)} of {len(scores.truth)} faces have eyes and a prediction; two are needed")
    annotated_faces = np.array(truth, float)
    return AnnotationGap(scores.scheme, nanmean(annotated_faces, 0), np.array(predicted) - annotated_faces)


def standard_error(values: np.ndarray) -> np.ndarray:
    """Return the standard error of the mean over the first axis, of finite values; NaN for fewer than two."""
    count = np.isfinite(values).sum(0)
    squares = nanmean((values - nanmean(values, 0)) ** 2, 0)
    return np.sqrt(squares / np.where(count > 1, count - 1, np.nan))


def summarize_regions(gap: AnnotationGap) -> list[dict[str, Any]]:
    """Return a row for each region, both sides together, and one for all landmarks. All values are fractions.

    Landmarks that the dataset or the model lacks are left out.
    """
    regions: dict[str, list[int]] = {}
    for name, landmarks in gap.scheme.regions.items():
        regions.setdefault(name.removeprefix("left_").removeprefix("right_"), []).extend(landmarks)
    mean = nanmean(gap.offsets, 0)
    paired = np.zeros(len(gap.scheme), bool)
    paired[[i for pair in gap.scheme.pairs for i in pair]] = True
    outwards = np.where(paired, np.sign(gap.shape[:, 0]), 0)  # a landmark on the axis of the face has no such side
    directed = gap.offsets * np.stack([outwards, np.ones(len(outwards))], 1)
    errors, residuals = (np.linalg.norm(offsets, axis=2) for offsets in (gap.offsets, gap.offsets - mean))
    rows = []
    for name, members in {**regions, "all": range(len(gap.scheme))}.items():
        landmarks = [i for i in members if np.isfinite(mean[i]).all()]
        if not landmarks:
            continue
        faces = nanmean(directed[:, landmarks], 1)  # (M, 2)
        (x, y), (x_error, y_error) = nanmean(faces, 0), standard_error(faces)
        rows.append(
            {
                "region": name, "num_landmarks": len(landmarks),
                "outwards": float(x), "outwards_standard_error": float(x_error),
                "down": float(y), "down_standard_error": float(y_error),
                "mean_length": float(nanmean(np.linalg.norm(mean[landmarks], axis=1), 0)),
                "nme": float(nanmean(nanmean(errors[:, landmarks], 1), 0)),
                "nme_without_offsets": float(nanmean(nanmean(residuals[:, landmarks], 1), 0)),
            }
        )  # fmt: skip
    return rows


def describe_landmarks(gap: AnnotationGap) -> list[dict[str, Any]]:
    """Return the mean offset of each landmark, to the right and down, and its standard error, as fractions."""
    means, errors = nanmean(gap.offsets, 0), standard_error(gap.offsets)
    return [
        {"index": i, "name": name, "offset": mean.tolist(), "standard_error": error.tolist()}
        for i, (name, mean, error) in enumerate(zip(gap.scheme.names, means, errors, strict=True))
    ]


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print the regions as a Markdown table, in per cent."""
    print("| region | landmarks | outwards, % | down, % | mean length, % | error, % | without the offsets, % |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        x, y = (
            f"{round(100 * row[key], 2) + 0.0:+.2f} ± {100 * row[f'{key}_standard_error']:.2f}"  # + 0.0 avoids -0.00
            for key in ("outwards", "down")
        )
        rest = (f"{100 * row[key]:.2f}" for key in ("mean_length", "nme", "nme_without_offsets"))
        print(f"| {row['region']} | {row['num_landmarks']} | {x} | {y} | {' | '.join(rest)} |")


def draw_gap(gap: AnnotationGap, title: str, path: Path) -> None:
    """Draw the mean annotated face with an arrow from each landmark to where it is predicted on average."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Ellipse

    from facelattice.visualization.figures import BLUE, ORANGE, save_figure

    figure = Figure(figsize=(7, 7.5), layout="constrained")
    axes = figure.add_subplot()
    axes.set(aspect="equal", title=title)
    axes.invert_yaxis()
    axes.axis("off")
    for line in gap.scheme.lines:
        points = gap.shape[list(line)]
        axes.plot(*points[np.isfinite(points).all(1)].T, color="lightgray", linewidth=1, zorder=1)
    axes.scatter(gap.shape[:, 0], gap.shape[:, 1], s=9, color=BLUE, zorder=2)
    arrows = MAGNIFICATION * nanmean(gap.offsets, 0)
    axes.quiver(*gap.shape.T, *arrows.T, angles="xy", scale_units="xy", scale=1, color=ORANGE, width=0.003, zorder=3)
    for center, radii in zip(gap.shape + arrows, MAGNIFICATION * standard_error(gap.offsets), strict=True):
        if np.isfinite([*center, *radii]).all():
            axes.add_patch(Ellipse(tuple(center), *(2 * radii), facecolor="none", edgecolor=ORANGE, linewidth=0.5))
    figure.supxlabel(
        f"blue: annotation; arrows: mean offset of the prediction, {MAGNIFICATION} times longer;\n"
        "ellipses: one standard error",
        fontsize="small",
    )
    save_figure(figure, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a bundled model or a model file")
    parser.add_argument("data", type=Path, help="annotated faces")
    parser.add_argument("--subset", help="use only the faces of this subset")
    parser.add_argument("-o", "--out", type=Path, help="draw the mean face here: .svg or .png")
    add_name_option(parser, "annotation_gap")
    add_json_option(parser)
    options = parser.parse_args(arguments)
    result = evaluate(options.model, options.data, "annotation", options.subset)
    gap = measure_gap(result.scores)
    subset = f", {result.subset}" if result.subset else ""
    faces = f"{len(gap.offsets)} of {result.num_faces} faces of {options.data.name}{subset}"
    rows = summarize_regions(gap)
    print(f"{result.model}: {faces}, annotated boxes\n")
    print_table(rows)
    if options.out is not None:
        draw_gap(gap, f"{result.model}, {faces}", options.out)
    landmarks = describe_landmarks(gap)
    write_result(options.json, options.name, rows, faces, "annotation", model=result.model, landmarks=landmarks)


if __name__ == "__main__":
    run(main)
