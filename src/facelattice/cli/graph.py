"""`facelattice graph`: draw a landmark graph over the mean face."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facelattice.cli.app import MODELS, command
from facelattice.cli.console import print_line
from facelattice.cli.options import Subset
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.schemes import Scheme, get_scheme
from facelattice.visualization.figures import figure_format
from facelattice.visualization.landmark_graph import LandmarkGraph, draw_landmark_graph

DEFAULT_K = 3


@command(
    MODELS,
    "facelattice graph ibug68 --out graph.svg",
    "facelattice graph recipe.yaml network.k=5 --out graph.svg",
    "facelattice graph faces.csv -k 5 --symmetric --out graph.png",
)
def graph(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Model, annotated faces, or training recipe.")],
    output: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE.png", dir_okay=False, help="Drawing: .png, .jpg, .svg or .pdf."),
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Training recipe: keys to override.")
    ] = None,
    k: Annotated[
        int | None,
        typer.Option(
            "-k", min=1, metavar="K", help="Annotated faces: neighbors of each landmark.", show_default=str(DEFAULT_K)
        ),
    ] = None,
    symmetric: Annotated[
        bool, typer.Option("--symmetric", metavar="", help="Annotated faces: add the reverse of each edge.")
    ] = False,
    subset: Subset = None,
    scheme: Annotated[
        str | None,
        typer.Option(
            metavar="SCHEME", help="Annotated faces: point scheme, or its YAML file.", show_default="by the points"
        ),
    ] = None,
) -> None:
    """Draw a landmark graph over the mean face.

    The width of an edge is the Pearson correlation of its landmarks. A model file contains its graph. The graph of
    annotated faces, or of the faces of a recipe, is computed; this needs the extra "train". Points that no built-in
    scheme has are numbered; `--scheme` names them, and adds the mirror images of the faces.
    """
    figure_format(output)  # before the work
    is_recipe = source.lower().endswith((".yaml", ".yml"))
    if overrides and not is_recipe:
        raise typer.BadParameter(f"{overrides[0]}: only a training recipe has keys to override")
    if is_recipe:
        landmark_graph = _graph_of_recipe(Path(source), overrides or [])
    elif source.endswith(".onnx") or not Path(source).exists():
        landmark_graph = LandmarkGraph.from_model(Model(find_model(source)))
    else:
        landmark_graph = _graph_of_data(Path(source), subset, scheme, k, symmetric)
    draw_landmark_graph(landmark_graph, output)
    correlations = sorted(c for _, _, c in landmark_graph.edges)
    span = f", correlations {correlations[0]:.3f} to {correlations[-1]:.3f}" if correlations else ""
    print_line(f"written: {output}, {len(correlations)} edges{span}")


def _graph_of_recipe(path: Path, overrides: list[str]) -> LandmarkGraph:
    from facelattice.training.prepare import graph_metadata, load_training_data
    from facelattice.training.recipe_file import load_recipe

    recipe = load_recipe(path, overrides)
    data = load_training_data(recipe)
    metadata = graph_metadata(data.train, recipe.network.k, recipe.network.symmetric)
    return LandmarkGraph.from_metadata(data.scheme, metadata)


def _graph_of_data(path: Path, subset: str | None, scheme: str | None, k: int | None, symmetric: bool) -> LandmarkGraph:
    from facelattice.datasets.readers.detect_layout import read_samples
    from facelattice.datasets.sample import UnknownSchemeError
    from facelattice.training.prepare import graph_metadata

    is_known = True
    try:
        samples = read_samples(path, subset, None if scheme is None else get_scheme(scheme))
    except UnknownSchemeError as error:
        is_known = False
        samples = read_samples(path, subset, Scheme.from_dict({"name": path.stem, "points": error.num_points}))
    own_scheme = samples[0].scheme
    k = min(DEFAULT_K, len(own_scheme) - 1) if k is None else k
    return LandmarkGraph.from_metadata(own_scheme, graph_metadata(samples, k, symmetric, mirrored=is_known))
