"""HTML report of an evaluation: one file that contains its images and loads nothing from a network.

Example:
    write_report(evaluate("ibug68", Path("300W/helen/testset")), Path("report"))

This needs the extra "evaluate".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facelattice import geometry, metrics
from facelattice.evaluation.evaluate import find_subsets
from facelattice.evaluation.report_parts import (
    MAX_LINKED_FACES,
    NUM_FACES,
    TEXT_COLOR,
    draw_strokes,
    face_picture,
    new_axes,
    render_template,
    scatter_errors,
    to_svg,
    write_files,
)
from facelattice.evaluation.result import EvaluationResult
from facelattice.metrics import nanmean
from facelattice.schemes import SCHEMES, Scheme, mean_shape
from facelattice.visualization.figures import BLUE

RED = "#d1495b"
OFFSET_SCALE = 10  # magnification of the offsets on the mean face, which are a few per cent of the eye distance


def write_report(result: EvaluationResult, folder: Path) -> None:
    """Write folder/index.html and folder/result.json, both or none."""
    write_files(folder, render_report(result), result.to_dict())


def render_report(result: EvaluationResult) -> str:
    """Return the report as HTML."""
    scores, threshold = result.scores, result.protocol.threshold
    nme, expected = scores.nme, scores.expected_nme
    found = np.flatnonzero(np.isfinite(nme))
    missed = np.flatnonzero(scores.measurable & ~np.isfinite(nme))
    worst = found[np.argsort(-nme[found], kind="stable")]
    grids = {"missed": missed[:NUM_FACES], "worst": worst[:NUM_FACES]}
    shown = np.concatenate(list(grids.values()))
    random = np.random.default_rng(0).permutation(len(nme))
    grids["random"] = random[~np.isin(random, shown)][:NUM_FACES]
    shown = np.concatenate(list(grids.values()))
    linked = np.isfinite(expected) & np.isfinite(nme)
    others = [i for i in worst if linked[i] and i not in shown][:MAX_LINKED_FACES]
    linked &= np.isin(np.arange(len(nme)), [*shown, *others])
    return render_template(
        "html_report.html.jinja",
        r=result.to_dict(),
        data_name=Path(result.data).name,
        curve=_error_curve(result) if len(found) else None,
        histogram=_histogram(nme[found], threshold) if len(found) else None,
        expected=scatter_errors(
            expected, nme, ("NME that the model predicts, %", "true NME, %"), BLUE, linked, "expected"
        )
        if np.isfinite(expected).any()
        else None,
        mean_face=_mean_face(result),
        others=[_face(result, int(i), large=False) for i in others],
        **{name: [_face(result, int(i), large=True) for i in faces] for name, faces in grids.items()},
    )


def _face(result: EvaluationResult, i: int, large: bool) -> dict[str, Any]:
    """Describe the picture of a face and its errors."""
    scores, face = result.scores, result.faces[i]
    picture = face_picture(result.samples[i], scores.truth[i], {result.model: scores.predicted[i]}, i, large)
    return {**picture, "nme": face.nme, "expected_nme": face.expected_nme, "subsets": face.subsets}


def _error_curve(result: EvaluationResult) -> str:
    """Draw the cumulative error distribution of all faces and of the subsets. Missed faces are above any error.

    The area up to the threshold is the AUC, the gap above the curve at the threshold is the failure rate.
    """
    scores, threshold = result.scores, 100 * result.protocol.threshold
    figure, axes = new_axes("NME, %", "fraction of faces, %", (9, 4.2))
    masks = [np.ones(len(scores.nme), bool), *find_subsets(result.samples).values()]
    for i, ((name, row), faces) in enumerate(zip(result.table.items(), masks, strict=True)):
        if row.failure_rate is None or row.auc is None:
            continue
        measured = faces & scores.measurable
        errors = np.sort(100 * scores.nme[measured & np.isfinite(scores.nme)])
        fractions = 100 * np.arange(len(errors) + 1) / measured.sum()
        x, y = [0, *errors, 2 * threshold], [*fractions, fractions[-1]]
        style = {"linewidth": 1.1, "alpha": 0.8} if i else {"color": BLUE, "linewidth": 2.5}
        label = f"{name}: FR {100 * row.failure_rate:.1f} %, AUC {100 * row.auc:.1f} %"
        axes.step(x, y, where="post", label=label, **style)
        if i == 0:
            axes.fill_between(np.minimum(x, threshold), y, step="post", color=BLUE, alpha=0.1, linewidth=0)
            axes.vlines(threshold, 100 * (1 - row.failure_rate), 100, color=RED, linewidth=4)
            axes.text(0.72 * threshold, 12, f"AUC {100 * row.auc:.1f} %\n(shaded)", color=BLUE, ha="center")
            beside = 100 * (1 - row.failure_rate / 2)
            axes.text(1.03 * threshold, beside - 4, f"FR {100 * row.failure_rate:.1f} %", color=RED, va="top")
    axes.axvline(threshold, color=TEXT_COLOR, linewidth=1, linestyle=":")
    axes.set_xlim(0, 1.5 * threshold)
    axes.set_ylim(0, 101)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small", frameon=False, labelcolor=TEXT_COLOR)
    return to_svg(figure, "curve")


def _histogram(nme: np.ndarray, threshold: float) -> str:
    figure, axes = new_axes("NME, %", "faces")
    last = 2 * threshold
    axes.hist(100 * np.minimum(nme, last), bins=np.linspace(0, 100 * last, 41).tolist(), color=BLUE)
    axes.axvline(100 * threshold, color=TEXT_COLOR, linewidth=1, linestyle=":")
    axes.set_xlim(0, 100 * last)
    return to_svg(figure, "histogram")


def _mean_face(result: EvaluationResult) -> dict[str, Any] | None:
    """Place the landmarks on the mean face, 100 units wide, with their errors and magnified offsets.

    Returns None if no mean shape is known.
    """
    scheme, errors = result.scores.scheme, nanmean(result.scores.errors, 0)
    shape = _shape(result, scheme)
    if shape is None or not np.isfinite(errors).any():
        return None
    x0, y0, x1, y1 = geometry.points_box(shape)
    placed = (shape - (x0, y0)) * (92 / (x1 - x0)) + 4
    largest = float(np.nanmax(errors)) or 1.0  # exact predictions have no error
    normalizer, box = result.protocol.normalizer, geometry.points_box(placed)
    size = metrics.normalizing_distance(placed, scheme, normalizer=normalizer, dataset_box=box)
    moved = placed + OFFSET_SCALE * size * result.scores.offsets
    return {
        "height": float(8 + 92 * (y1 - y0) / (x1 - x0)),
        "lines": [" ".join(f"{x:.2f},{y:.2f}" for x, y in placed[list(line)]) for line in scheme.lines],
        "offsets": draw_strokes(placed, moved, 2),
        "offset_scale": OFFSET_SCALE,
        "points": [
            {
                "x": round(float(x), 2),
                "y": round(float(y), 2),
                "index": i,
                "name": name,
                "nme": None if np.isnan(error) else float(error),
                "radius": 0.7 if np.isnan(error) else round(0.5 + 2.2 * float(error) / largest, 2),
            }
            for i, ((x, y), name, error) in enumerate(zip(placed, scheme.names, errors, strict=True))
        ],
        "order": [int(i) for i in np.argsort(-np.nan_to_num(errors))],
    }


def _shape(result: EvaluationResult, scheme: Scheme) -> np.ndarray | None:
    """Return the mean shape (N, 2) of a built-in scheme, or that of the complete faces."""
    if scheme.name in SCHEMES:
        return mean_shape(scheme)
    complete = [points for points in result.scores.truth if np.isfinite(points).all()]
    boxes = [geometry.points_box(points) for points in complete]
    shapes = [(p - geometry.box_center(b)) / geometry.box_side(b) for p, b in zip(complete, boxes, strict=True)]
    return np.mean(shapes, axis=0) if shapes else None
