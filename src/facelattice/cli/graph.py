"""`facelattice graph`: draw a landmark graph over the mean face."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from facelattice.cli.app import app
from facelattice.cli.console import out
from facelattice.cli.options import Subset
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.visualization.figures import figure_format
from facelattice.visualization.landmark_graph import LandmarkGraph, draw_landmark_graph


@app.command()
def graph(
    source: Annotated[
        str, typer.Argument(metavar="MODEL|DATA|RECIPE", help="Model, annotated faces, or training recipe.")
    ],
    output: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE.png", dir_okay=False, help="The drawing: .png, .jpg, .svg or .pdf."),
    ],
    k: Annotated[int, typer.Option("-k", min=1, help="Number of neighbors of each landmark, for DATA.")] = 3,
    symmetric: Annotated[bool, typer.Option("--symmetric", help="Add the reverse of each edge, for DATA.")] = False,
    subset: Subset = None,
) -> None:
    """Draw a landmark graph over the mean face.

    The width of an edge is the correlation of its landmarks. A model file contains its graph. The graph of annotated
    faces, or of the faces of a recipe, is computed; this needs the extra "train". Faces with points of your own scheme
    need a recipe, which names the scheme.
    """
    figure_format(output)  # before the work
    if source.endswith(".onnx") or not Path(source).exists():
        landmark_graph = LandmarkGraph.from_model(Model(find_model(source)))
    elif source.endswith((".yaml", ".yml")):
        landmark_graph = _graph_of_recipe(Path(source))
    else:
        landmark_graph = _graph_of_data(Path(source), subset, k, symmetric)
    draw_landmark_graph(landmark_graph, output)
    correlations = sorted(c for _, _, c in landmark_graph.edges)
    span = f", correlations {correlations[0]:.3f} to {correlations[-1]:.3f}" if correlations else ""
    out.print(Text(f"written: {output}, {len(correlations)} edges{span}"), soft_wrap=True)


def _graph_of_recipe(path: Path) -> LandmarkGraph:
    from facelattice.training.config import load_recipe
    from facelattice.training.prepare import graph_metadata, load_training_data

    recipe = load_recipe(path)
    data = load_training_data(recipe)
    metadata = graph_metadata(data.train, recipe.network.k, recipe.network.symmetric)
    return LandmarkGraph.from_metadata(data.scheme, metadata)


def _graph_of_data(path: Path, subset: str | None, k: int, symmetric: bool) -> LandmarkGraph:
    from facelattice.datasets.readers.detect_layout import read_samples
    from facelattice.training.prepare import graph_metadata

    samples = read_samples(path, subset)
    return LandmarkGraph.from_metadata(samples[0].scheme, graph_metadata(samples, k, symmetric))
