"""`facelattice explain`: the edge weights of one landmark in one image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from facelattice.cli.app import MODELS, command
from facelattice.cli.console import out, print_line
from facelattice.cli.options import AsJson
from facelattice.exceptions import ImageError
from facelattice.geometry import box_side
from facelattice.image_io import load_image
from facelattice.inference.aligner import FaceAligner
from facelattice.terminal import one_line
from facelattice.visualization.edge_weights import EdgeWeightExplanation, draw_edge_weights, explain_point
from facelattice.visualization.figures import figure_format


@command(
    MODELS,
    "facelattice explain ibug68 photo.jpg",
    "facelattice explain ibug68 photo.jpg --point 8 --out chin.svg",
)
def explain(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Bundled model or model file.")],
    photo: Annotated[Path, typer.Argument(metavar="IMAGE", help="Image; its largest face is used.")],
    point: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="Number of the landmark.", show_default="highest entropy of edge weights"
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE.png",
            dir_okay=False,
            help="Drawing: .png, .jpg, .svg or .pdf.",
            show_default="STEM_explained.png",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the edge weights of a landmark in an image.

    They are also computed with its strongest neighbor, that of the largest edge weight, occluded.
    """
    output = output or Path(f"{photo.stem}_explained.png")
    figure_format(output)  # before the work
    aligner = FaceAligner(model)
    image = load_image(photo)
    faces = aligner(image)
    if not faces:
        raise ImageError(f"{photo}: no face found")
    face = max(faces, key=lambda face: box_side(face.box))
    explanation = explain_point(aligner.model, image, face, point)
    draw_edge_weights(explanation, output)
    if as_json:
        print(json.dumps(explanation.to_dict()))
        return
    out.print(_table(explanation, f"Landmark {explanation.point} of {model} on {photo}"))
    if len(faces) > 1:
        out.print(f"{len(faces)} faces were found; the largest is used.")
    size = len(explanation.crops[0])
    moved = f"The occlusion moves the landmark by {explanation.displacement:.1f} px, in a crop of {size} px."
    print_line(f"{moved} Written: {output}")


def _table(explanation: EdgeWeightExplanation, title: str) -> Table:
    table = Table(
        "neighbor", "edge weight", "edge weight, occluded", "occluded", title=one_line(title), title_justify="left"
    )
    for row in explanation.to_dict()["neighbors"]:
        name = "self-loop" if row["point"] == explanation.point else f"{row['point']} {row['name']}"
        table.add_row(
            one_line(name),
            f"{row['edge_weight']:.3f}",
            f"{row['edge_weight_occluded']:.3f}",
            "yes" if row["occluded"] else "",
        )
    return table
