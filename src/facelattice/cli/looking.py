"""The verbs that look inside: graph, explain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from facelattice.aligner import FaceAligner
from facelattice.cli.program import AsJson, Subset, app, out
from facelattice.geometry import box_side
from facelattice.pictures import PictureError, read_picture
from facelattice.runtime import Model
from facelattice.weights import find_model


@app.command()
def graph(
    source: Annotated[str, typer.Argument(metavar="MODEL|DATA|RECIPE", help="A model, annotated faces, or a recipe.")],
    output: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE.png", dir_okay=False, help="The picture: .png, .jpg, .svg or .pdf."),
    ],
    k: Annotated[int, typer.Option("-k", min=1, help="Neighbours of each point, for the graph of DATA.")] = 3,
    symmetric: Annotated[bool, typer.Option("--symmetric", help="Edges both ways, for the graph of DATA.")] = False,
    subset: Subset = None,
) -> None:
    """Draw the landmark graph over the mean face: who listens to whom, as wide as they move together.

    That of a model is in its file; that of annotated faces, or of those that a recipe trains on, is made anew (extra
    "train"). Faces with points of your own want a recipe, which says what the points are.
    """
    from facelattice.lattice import draw, of_model

    if source.endswith(".onnx") or not Path(source).exists():
        lattice = of_model(Model(find_model(source)))
    elif source.endswith((".yaml", ".yml")):
        from facelattice.training.prepare import lattice_of, load_faces
        from facelattice.training.recipe import load_recipe

        recipe = load_recipe(source)
        lattice = lattice_of(load_faces(recipe).training, recipe.network.k, recipe.network.symmetric)
    else:
        from facelattice.data.sources import read_samples
        from facelattice.training.prepare import lattice_of

        lattice = lattice_of(read_samples(Path(source), subset), k, symmetric)
    draw(lattice, output)
    closeness = sorted(c for _, _, c in lattice.edges)
    span = f", correlations {closeness[0]:.3f} to {closeness[-1]:.3f}" if closeness else ""
    out.print(Text(f"written: {output}, {len(closeness)} edges{span}"), soft_wrap=True)


@app.command()
def explain(
    model: Annotated[str, typer.Argument(help="A bundled model, or the path of a model file.")],
    photo: Annotated[Path, typer.Argument(help="A picture with a face; the largest is taken.")],
    point: Annotated[int | None, typer.Option(min=0, help="Whose neighbours; else one that has several.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE.png", dir_okay=False, help="The picture; else STEM_explained.png here."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how much a point listens to its neighbours in this picture, and with a patch over some of them."""
    from facelattice.explain import draw, explain

    aligner = FaceAligner(model)
    picture = read_picture(photo)
    faces = aligner(picture)
    if not faces:
        raise PictureError(f"{photo}: no face found")
    face = max(faces, key=lambda face: box_side(face.box))
    explanation = explain(aligner.model, picture, face, point)
    output = output or Path(f"{photo.stem}_explained.png")
    draw(explanation, output)
    result = explanation.to_dict()
    if as_json:
        print(json.dumps(result))
        return
    title = Text(f"Point {result['point']} ({result['name']}) of {model} on {photo}")
    table = Table("listens to", "weight", "with a patch", "under it", title=title, title_justify="left")
    for row in result["neighbours"]:
        name = "itself" if row["point"] == result["point"] else f"{row['point']} {row['name']}"
        table.add_row(Text(name), f"{row['weight']:.3f}", f"{row['with_patch']:.3f}", "yes" if row["covered"] else "")
    out.print(table)
    if len(faces) > 1:
        out.print(f"{len(faces)} faces were found; this is the largest.")
    moved = f"With the patch it lies {result['moved']:.1f} px elsewhere, of a crop of {result['crop']} px."
    out.print(Text(f"{moved} Written: {output}"), soft_wrap=True)
