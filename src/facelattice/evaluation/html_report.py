"""HTML report of an evaluation: one file that contains its images and loads nothing from a network.

Example:
    write_report(evaluate("ibug68", Path("300W/helen/testset")), Path("report"))

This needs the extra "evaluate".
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from facelattice import geometry, metrics
from facelattice.evaluation.evaluate import find_subsets
from facelattice.evaluation.result import EvaluationResult
from facelattice.exceptions import ImageError, MissingDependencyError
from facelattice.formats import atomic_write
from facelattice.image_io import load_image
from facelattice.metrics import nanmean
from facelattice.schemes import SCHEMES, Scheme, mean_shape
from facelattice.visualization.figures import BLUE

try:
    import jinja2
    import matplotlib
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingDependencyError(
        f'a report needs {error.name}, which is not installed; run: pip install "facelattice[evaluate]"'
    ) from error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUM_FACES = 12  # faces in each grid
FACE_SIZE = 240  # side of a face in the grids, pixels
OFFSET_SCALE = 10  # magnification of the offsets on the mean face, which are a few per cent of the eye distance
TEXT_COLOR = "#010203"  # replaced by the text color of the page, which is light or dark


def write_report(result: EvaluationResult, folder: Path) -> None:
    """Write folder/index.html and folder/result.json, both or none."""
    page = render_report(result)
    with atomic_write(folder / "result.json") as json_file, atomic_write(folder / "index.html") as html_file:
        json.dump(result.to_dict(), json_file, indent=1)
        html_file.write(page)


def render_report(result: EvaluationResult) -> str:
    """Return the report as HTML. The template escapes all text, such as names of images."""
    scores, threshold = result.scores, result.protocol.threshold
    nme, expected = scores.nme, scores.expected_nme
    found = np.flatnonzero(np.isfinite(nme))
    missed = np.flatnonzero(scores.measurable & ~np.isfinite(nme))
    worst = found[np.argsort(-nme[found], kind="stable")]
    random = np.random.default_rng(0).permutation(len(nme))
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["percent"] = lambda share, digits=2: "–" if share is None else f"{100 * share:.{digits}f} %"
    template = environment.from_string(Path(__file__).with_name("html_report.html.jinja").read_text(encoding="utf-8"))
    return template.render(
        r=result.to_dict(),
        curve=_error_curve(result) if len(found) else None,
        histogram=_histogram(nme[found], threshold) if len(found) else None,
        expected=_expected_errors(expected, nme) if np.isfinite(expected).any() else None,
        mean_face=_mean_face(result),
        missed=[_face(result, int(i)) for i in missed[:NUM_FACES]],
        worst=[_face(result, int(i)) for i in worst[:NUM_FACES]],
        random=[_face(result, int(i)) for i in random[:NUM_FACES]],
    )


def _svg(figure: Figure, name: str) -> str:
    """Return the figure as an SVG element that takes its text color from the page."""
    out = io.StringIO()
    # The salt makes ids the same in every run, and different from those of the other figures of the page.
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :].replace(TEXT_COLOR, "currentColor")


def _axes(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x_label, color=TEXT_COLOR)
    axes.set_ylabel(y_label, color=TEXT_COLOR)
    axes.tick_params(colors=TEXT_COLOR)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(TEXT_COLOR)
    axes.grid(color=TEXT_COLOR, alpha=0.12)
    return figure, axes


def _error_curve(result: EvaluationResult) -> str:
    """Draw the cumulative error distribution of all faces and of the subsets; missed faces never enter it.

    The area up to the threshold is the AUC, the gap above the curve at the threshold is the failure rate.
    """
    scores, threshold = result.scores, 100 * result.protocol.threshold
    figure, axes = _axes("NME, %", "fraction of faces, %")
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
            axes.vlines(threshold, 100 * (1 - row.failure_rate), 100, color="#d1495b", linewidth=4)
    axes.axvline(threshold, color=TEXT_COLOR, linewidth=1, linestyle=":")
    axes.set_xlim(0, 1.5 * threshold)
    axes.set_ylim(0, 101)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small", frameon=False, labelcolor=TEXT_COLOR)
    return _svg(figure, "curve")


def _histogram(nme: np.ndarray, threshold: float) -> str:
    figure, axes = _axes("NME, %", "faces")
    last = 2 * threshold
    axes.hist(100 * np.minimum(nme, last), bins=np.linspace(0, 100 * last, 41).tolist(), color=BLUE)
    axes.axvline(100 * threshold, color=TEXT_COLOR, linewidth=1, linestyle=":")
    axes.set_xlim(0, 100 * last)
    return _svg(figure, "histogram")


def _expected_errors(expected: np.ndarray, nme: np.ndarray) -> str:
    """Draw expected against true NME on logarithmic axes, as errors span two decades."""
    figure, axes = _axes("expected NME, %", "true NME, %")
    both = np.isfinite(expected) & np.isfinite(nme)
    axes.loglog(100 * expected[both], 100 * nme[both], ".", color=BLUE, markersize=4, alpha=0.7)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}")
    ends = [100 * float(f([expected[both], nme[both]])) for f in (np.min, np.max)]
    axes.plot(ends, ends, color=TEXT_COLOR, linewidth=1, linestyle=":")
    return _svg(figure, "expected")


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
        "offsets": _strokes(placed, moved, 2),
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


def _face(result: EvaluationResult, i: int) -> dict[str, Any]:
    """Describe a face of the grids: its crop as a data URI, landmarks as SVG paths of dots, and its errors."""
    sample, scores = result.samples[i], result.scores
    matrix = geometry.crop_transform(sample.box, FACE_SIZE, 1.5)
    try:
        crop = geometry.warp(load_image(sample.path), matrix, FACE_SIZE)
    except ImageError:
        crop = np.full((FACE_SIZE, FACE_SIZE, 3), 128, np.uint8)
    data = cv2.imencode(".jpg", crop[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    truth, predicted = (geometry.apply(matrix, points[i]) for points in (scores.truth, scores.predicted))
    return {
        "image": "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode(),
        "truth": _dots(truth),
        "predicted": _dots(predicted),
        "errors": _strokes(truth, predicted, 1),
        "name": sample.path.name,
        "nme": result.faces[i].nme,
        "expected_nme": result.faces[i].expected_nme,
    }


def _dots(points: np.ndarray) -> str:
    """Return a path of length 0 at each point, which round line caps draw as a dot."""
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points if np.isfinite((x, y)).all())


def _strokes(starts: np.ndarray, ends: np.ndarray, digits: int) -> str:
    """Return a path of lines between corresponding points, where both are known."""
    return "".join(
        f"M{a[0]:.{digits}f} {a[1]:.{digits}f}L{b[0]:.{digits}f} {b[1]:.{digits}f}"
        for a, b in zip(starts, ends, strict=True)
        if np.isfinite([a, b]).all()
    )
