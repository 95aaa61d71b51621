"""Parts that the HTML reports share: the template environment, charts as SVG, and pictures of faces.

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

from facelattice import geometry
from facelattice.atomic_files import atomic_write
from facelattice.datasets.sample import Sample
from facelattice.exceptions import ImageError, MissingDependencyError
from facelattice.image_io import load_image

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

TEXT_COLOR = "#010203"  # placeholder for the text color of the page, which is light or dark
NUM_FACES = 12  # faces in each grid
MAX_LINKED_FACES = 1000  # faces whose dot in a chart links to a picture; 1000 pictures are about 8 MB
VIEW_SIZE = 240  # side of a picture in the units of its SVG
LARGE_SIZE, SMALL_SIZE = 480, 200  # side of the pictures in the grids, and of the others, pixels


def render_template(name: str, **values: Any) -> str:
    """Return a page from a template of this folder. All text is escaped, such as names of images."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["percent"] = lambda share, digits=2: "–" if share is None else f"{100 * share:.{digits}f} %"
    return environment.get_template(name).render(**values)


def write_files(folder: Path, page: str, values: dict[str, Any]) -> None:
    """Write folder/index.html with a page and folder/result.json with the values, both or none."""
    with atomic_write(folder / "result.json") as json_file, atomic_write(folder / "index.html") as html_file:
        json.dump(values, json_file, indent=1)
        html_file.write(page)


def new_axes(x_label: str, y_label: str, size: tuple[float, float] = (7, 3.4)) -> tuple[Figure, Axes]:
    """Return a figure of a size in inches with empty axes."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x_label, color=TEXT_COLOR)
    axes.set_ylabel(y_label, color=TEXT_COLOR)
    axes.tick_params(colors=TEXT_COLOR)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(TEXT_COLOR)
    axes.grid(color=TEXT_COLOR, alpha=0.12)
    return figure, axes


def to_svg(figure: Figure, name: str) -> str:
    """Return the figure as an SVG element that takes its text color from the page."""
    out = io.StringIO()
    # The salt makes ids the same in every run, and different from those of other figures in the page.
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :].replace(TEXT_COLOR, "currentColor")


def scatter_errors(
    x: np.ndarray, y: np.ndarray, labels: tuple[str, str], color: str, linked: np.ndarray, name: str
) -> str:
    """Draw a dot for each face on logarithmic axes, as errors span two decades.

    Args:
        x: NME (M,), NaN where unknown.
        y: NME (M,), NaN where unknown.
        labels: Labels of the axes.
        color: Color of the dots.
        linked: Bool (M,), the faces with a picture, which their dots link to.
        name: Name of the figure, for the ids of its elements.
    """
    figure, axes = new_axes(*labels, size=(6, 5))
    both = np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)
    dots = axes.scatter(100 * x[both], 100 * y[both], s=22, color=color, alpha=0.6, linewidths=0)
    dots.set_urls([f"#face-{i}" if linked[i] else None for i in np.flatnonzero(both)])
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}")
    if both.any():
        ends = [100 * float(f([x[both], y[both]])) for f in (np.min, np.max)]
        axes.plot(ends, ends, color=TEXT_COLOR, linewidth=1, linestyle=":")
    return to_svg(figure, name)


def face_picture(
    sample: Sample, truth: np.ndarray, predicted: dict[str, np.ndarray], index: int, large: bool
) -> dict[str, Any]:
    """Describe the picture of a face for the template: its crop as a data URI, and landmarks as SVG paths.

    Args:
        sample: The face.
        truth: Annotated landmarks (N, 2), pixels of the image, NaN where missing.
        predicted: Predicted landmarks of each program by its name.
        index: Index of the face, for the address of its picture.
        large: True for a face in a grid.
    """
    size = LARGE_SIZE if large else SMALL_SIZE
    try:
        crop = geometry.warp(load_image(sample.path), geometry.crop_transform(sample.box, size, 1.5), size)
    except ImageError:
        crop = np.full((size, size, 3), 128, np.uint8)
    data = cv2.imencode(".jpg", crop[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    matrix = geometry.crop_transform(sample.box, VIEW_SIZE, 1.5)
    places = {name: geometry.apply(matrix, points) for name, points in {"annotation": truth, **predicted}.items()}
    return {
        "index": index,
        "image": "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode(),
        "layers": [{"label": name, "path": draw_dots(points)} for name, points in places.items()],
        "errors": [draw_strokes(places["annotation"], points, 1) for points in list(places.values())[1:]],
        "name": sample.path.name,
    }


def draw_dots(points: np.ndarray) -> str:
    """Return a path of length 0 at each point, which round line caps draw as a dot."""
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points if np.isfinite((x, y)).all())


def draw_strokes(starts: np.ndarray, ends: np.ndarray, digits: int) -> str:
    """Return a path of lines between corresponding points, where both are known."""
    return "".join(
        f"M{a[0]:.{digits}f} {a[1]:.{digits}f}L{b[0]:.{digits}f} {b[1]:.{digits}f}"
        for a, b in zip(starts, ends, strict=True)
        if np.isfinite([a, b]).all()
    )
