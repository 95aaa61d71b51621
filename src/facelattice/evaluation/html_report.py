"""The page of a report: one HTML file with its images inside, which asks nothing of any network.

html = render(run("ibug68", Path("300W/helen/testset")))
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import cv2
import jinja2
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facelattice import geometry, metrics
from facelattice.evaluation.evaluate import Evaluation, subsets
from facelattice.evaluation.scores import nanmean
from facelattice.exceptions import ImageError
from facelattice.image_io import load_image
from facelattice.schemes import SCHEMES, Scheme, mean_shape
from facelattice.visualization.figures import BLUE

FACES = 12  # in each of the two grids
PIXELS = 240  # of a face in them
ENLARGED = 10  # times, offsets on the mean face: they are a few per cent of the distance of the eyes
INK = "#010203"  # stands for the color of the page's text, light or dark, until the SVG is on the page


def render(evaluation: Evaluation) -> str:
    """The page as HTML. Everything from outside, names of images above all, is escaped by the template."""
    result, scores = evaluation.result, evaluation.scores
    nme, expected = scores.nme, nanmean(scores.expected, 1)
    found = np.flatnonzero(np.isfinite(nme))
    drawn = np.random.default_rng(0).permutation(len(nme))[:FACES]
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["percent"] = lambda share, digits=2: "–" if share is None else f"{100 * share:.{digits}f} %"
    template = environment.from_string((Path(__file__).with_name("html_report.html.jinja")).read_text(encoding="utf-8"))
    return template.render(
        r=result,
        curve=_curve(evaluation) if len(found) else None,
        histogram=_histogram(nme[found], result["threshold"]) if len(found) else None,
        expectation=_expectation(expected, nme) if np.isfinite(expected).any() else None,
        points=_points(evaluation),
        missed=[_face(evaluation, int(i)) for i in np.flatnonzero(scores.measurable & ~np.isfinite(nme))[:FACES]],
        worst=[_face(evaluation, int(i)) for i in found[np.argsort(-nme[found], kind="stable")][:FACES]],
        drawn=[_face(evaluation, int(i)) for i in drawn],
    )


def _svg(figure: Figure, name: str) -> str:
    """The figure as an element to put into the page, its ink in the page's own."""
    out = io.StringIO()
    # The salt keeps names inside the SVG the same from run to run, and apart from those of other figures on the page.
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :].replace(INK, "currentColor")


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.tick_params(colors=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.grid(color=INK, alpha=0.12)
    return figure, axes


def _curve(evaluation: Evaluation) -> str:
    """The cumulative error distribution, of all faces and of the subsets; a missed face never comes into it."""
    scores, threshold = evaluation.scores, 100 * evaluation.protocol.threshold
    figure, axes = _axes("NME, %", "share of the faces, %")
    everyone = np.ones(len(scores.nme), bool)
    for name, faces in {"all": everyone, **subsets(evaluation.samples)}.items():
        chosen = faces & scores.measurable
        errors = np.sort(100 * scores.nme[chosen & np.isfinite(scores.nme)])
        if chosen.any() and not (name != "all" and chosen.all()):
            reached = 100 * np.arange(len(errors) + 1) / chosen.sum()
            wide = {"color": BLUE, "linewidth": 2.5} if name == "all" else {"linewidth": 1.1, "alpha": 0.8}
            axes.step([0, *errors, 2 * threshold], [*reached, reached[-1]], where="post", label=name, **wide)
    axes.axvline(threshold, color=INK, linewidth=1, linestyle=":")
    axes.set_xlim(0, 1.5 * threshold)
    axes.set_ylim(0, 101)
    axes.legend(loc="lower right", fontsize="small", frameon=False, labelcolor=INK)
    return _svg(figure, "curve")


def _histogram(nme: np.ndarray, threshold: float) -> str:
    figure, axes = _axes("NME, %", "faces")
    last = 2 * threshold
    axes.hist(100 * np.minimum(nme, last), bins=np.linspace(0, 100 * last, 41).tolist(), color=BLUE)
    axes.axvline(100 * threshold, color=INK, linewidth=1, linestyle=":")
    axes.set_xlim(0, 100 * last)
    return _svg(figure, "histogram")


def _expectation(expected: np.ndarray, nme: np.ndarray) -> str:
    """What the program expected of each face against what came, both logarithmic: errors span two decades."""
    figure, axes = _axes("expected NME, %", "true NME, %")
    both = np.isfinite(expected) & np.isfinite(nme)
    axes.loglog(100 * expected[both], 100 * nme[both], ".", color=BLUE, markersize=4, alpha=0.7)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}")
    ends = [100 * float(f([expected[both], nme[both]])) for f in (np.min, np.max)]
    axes.plot(ends, ends, color=INK, linewidth=1, linestyle=":")
    return _svg(figure, "expectation")


def _points(evaluation: Evaluation) -> dict[str, Any] | None:
    """The points on the mean face, in units of an image 100 wide, with their errors, and with their offsets
    ``ENLARGED`` times; None where no shape is known."""
    scheme, errors = evaluation.scores.scheme, nanmean(evaluation.scores.errors, 0)
    shape = _shape(evaluation, scheme)
    if shape is None or not np.isfinite(errors).any():
        return None
    x0, y0, x1, y1 = geometry.points_box(shape)
    placed = (shape - (x0, y0)) * (92 / (x1 - x0)) + 4
    largest = float(np.nanmax(errors)) or 1.0  # the annotation itself has no errors to draw
    normalizer, box = evaluation.protocol.normalizer, geometry.points_box(placed)
    size = metrics.normalizing_distance(placed, scheme, normalizer=normalizer, dataset_box=box)
    aside = placed + ENLARGED * size * evaluation.scores.offsets
    return {
        "height": float(8 + 92 * (y1 - y0) / (x1 - x0)),
        "lines": [" ".join(f"{x:.2f},{y:.2f}" for x, y in placed[list(line)]) for line in scheme.lines],
        "aside": _strokes(placed, aside, 2),
        "enlarged": ENLARGED,
        "each": [
            {
                "x": round(float(x), 2), "y": round(float(y), 2), "number": i, "name": name,
                "nme": None if np.isnan(error) else float(error),
                "radius": 0.7 if np.isnan(error) else round(0.5 + 2.2 * float(error) / largest, 2),
            }
            for i, ((x, y), name, error) in enumerate(zip(placed, scheme.names, errors, strict=True))
        ],
        "order": [int(i) for i in np.argsort(-np.nan_to_num(errors))],
    }  # fmt: skip


def _shape(evaluation: Evaluation, scheme: Scheme) -> np.ndarray | None:
    if scheme.name in SCHEMES:
        return mean_shape(scheme)
    whole = [points for points in evaluation.scores.truth if np.isfinite(points).all()]
    boxes = [geometry.points_box(points) for points in whole]
    placed = [(p - geometry.box_center(b)) / geometry.box_side(b) for p, b in zip(whole, boxes, strict=True)]
    return np.mean(placed, axis=0) if placed else None


def _face(evaluation: Evaluation, i: int) -> dict[str, Any]:
    """One face for the grids: its image as a data URI, annotation and answer as SVG paths of dots, its figures."""
    sample, scores = evaluation.samples[i], evaluation.scores
    matrix = geometry.crop_transform(sample.box, PIXELS, 1.5)
    try:
        crop = geometry.warp(load_image(sample.path), matrix, PIXELS)
    except ImageError:
        crop = np.full((PIXELS, PIXELS, 3), 128, np.uint8)
    data = cv2.imencode(".jpg", crop[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    nme, expected = scores.nme[i], nanmean(scores.expected[i], 0)
    truth, found = (geometry.apply(matrix, points[i]) for points in (scores.truth, scores.found))
    return {
        "image": "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode(),
        "truth": _dots(truth),
        "found": _dots(found),
        "misses": _strokes(truth, found, 1),
        "name": sample.path.name,
        "nme": None if np.isnan(nme) else float(nme),
        "expected": None if np.isnan(expected) else float(expected),
    }  # fmt: skip


def _dots(points: np.ndarray) -> str:
    """A path of no length at each point: round line ends make dots of it."""
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points if np.isfinite((x, y)).all())


def _strokes(starts: np.ndarray, ends: np.ndarray, digits: int) -> str:
    """A path of a line from each point to its counterpart, where both are known."""
    return "".join(
        f"M{a[0]:.{digits}f} {a[1]:.{digits}f}L{b[0]:.{digits}f} {b[1]:.{digits}f}"
        for a, b in zip(starts, ends, strict=True)
        if np.isfinite([a, b]).all()
    )
