"""`facelattice graph`: draw the landmark graph over the mean face."""

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


@app.command()
def graph(
    source: Annotated[str, typer.Argument(metavar="MODEL|DATA|RECIPE", help="A model, annotated faces, or a recipe.")],
    output: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE.png", dir_okay=False, help="The image: .png, .jpg, .svg or .pdf."),
    ],
    k: Annotated[int, typer.Option("-k", min=1, help="Neighbors of each point, for the graph of DATA.")] = 3,
    symmetric: Annotated[bool, typer.Option("--symmetric", help="Edges both ways, for the graph of DATA.")] = False,
    subset: Subset = None,
) -> None:
    """Draw the landmark graph over the mean face: who listens to whom, as wide as they move together.

    That of a model is in its file; that of annotated faces, or of those that a recipe trains on, is made anew (extra
    "train"). Faces with points of your own want a recipe, which says what the points are.
    """
    from facelattice.visualization.landmark_graph import draw, of_model

    if source.endswith(".onnx") or not Path(source).exists():
        lattice = of_model(Model(find_model(source)))
    elif source.endswith((".yaml", ".yml")):
        from facelattice.training.config import load_recipe
        from facelattice.training.prepare import landmark_graph_of, load_training_data

        recipe = load_recipe(source)
        lattice = landmark_graph_of(load_training_data(recipe).training, recipe.network.k, recipe.network.symmetric)
    else:
        from facelattice.datasets.readers.detect_layout import read_samples
        from facelattice.training.prepare import landmark_graph_of

        lattice = landmark_graph_of(read_samples(Path(source), subset), k, symmetric)
    draw(lattice, output)
    closeness = sorted(c for _, _, c in lattice.edges)
    span = f", correlations {closeness[0]:.3f} to {closeness[-1]:.3f}" if closeness else ""
    out.print(Text(f"written: {output}, {len(closeness)} edges{span}"), soft_wrap=True)
