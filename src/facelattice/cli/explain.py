"""`facelattice explain`: the edge weights of a point on one image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from facelattice.cli.app import app
from facelattice.cli.console import out
from facelattice.cli.options import AsJson
from facelattice.exceptions import ImageError
from facelattice.geometry import box_side
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner


@app.command()
def explain(
    model: Annotated[str, typer.Argument(help="A bundled model, or the path of a model file.")],
    photo: Annotated[Path, typer.Argument(help="An image with a face; the largest is taken.")],
    point: Annotated[int | None, typer.Option(min=0, help="Whose neighbors; else one that has several.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE.png", dir_okay=False, help="The image; else STEM_explained.png here."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how much a point listens to its neighbors in this image, and with a patch over some of them."""
    from facelattice.visualization.edge_weights import draw, explain

    aligner = FaceAligner(model)
    image = load_image(photo)
    faces = aligner(image)
    if not faces:
        raise ImageError(f"{photo}: no face found")
    face = max(faces, key=lambda face: box_side(face.box))
    explanation = explain(aligner.model, image, face, point)
    output = output or Path(f"{photo.stem}_explained.png")
    draw(explanation, output)
    result = explanation.to_dict()
    if as_json:
        print(json.dumps(result))
        return
    title = Text(f"Point {result['point']} ({result['name']}) of {model} on {photo}")
    table = Table("listens to", "weight", "with a patch", "under it", title=title, title_justify="left")
    for row in result["neighbors"]:
        name = "itself" if row["point"] == result["point"] else f"{row['point']} {row['name']}"
        table.add_row(Text(name), f"{row['weight']:.3f}", f"{row['with_patch']:.3f}", "yes" if row["covered"] else "")
    out.print(table)
    if len(faces) > 1:
        out.print(f"{len(faces)} faces were found; this is the largest.")
    moved = f"With the patch it lies {result['moved']:.1f} px elsewhere, of a crop of {result['crop']} px."
    out.print(Text(f"{moved} Written: {output}"), soft_wrap=True)
