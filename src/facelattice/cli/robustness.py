"""`facelattice robustness`: draw the error against occlusion, blur, box noise, roll and yaw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from facelattice.atomic_files import write_file
from facelattice.cli.app import EVALUATION, command
from facelattice.cli.console import print_error, print_line, progress_bar
from facelattice.cli.options import Subset


@command(
    EVALUATION,
    "facelattice robustness ibug68 ibug68-fast --data DATA/300W --out curves.svg",
    "facelattice robustness a=a1.onnx a=a2.onnx b=b.onnx --data DATA -o c.png",
)
def robustness(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL", help="Bundled models, model files or checkpoints, as LABEL=MODEL."),
    ],
    data: Annotated[Path, typer.Option(metavar="DATA", help="Annotated faces, see docs/your-own-data.md.")],
    output: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", dir_okay=False, help="Drawing: .png, .jpg, .svg or .pdf."),
    ],
    subset: Subset = None,
) -> None:
    """Draw the NME against occlusion, blur, box noise, roll and yaw.

    The models must have the same points; their crops may differ in size. Models with the same LABEL are runs of one
    recipe with different seeds: their mean is drawn. All values are written as JSON beside the drawing.
    """
    from facelattice.evaluation.robustness_curves import compute_curves, draw_curves, group_by_label
    from facelattice.visualization.figures import figure_format

    figure_format(output)  # an unknown suffix or a missing package is an error before the work
    with progress_bar("settings") as progress:
        curves = compute_curves(group_by_label(models), data, subset, progress=progress.track)
    for message in curves.unreadable:
        print_error(message)
    draw_curves(curves, output)
    values = output.with_suffix(".json")
    write_file(values, json.dumps(curves.to_dict()))
    print_line(f"written: {output}, {values}")
    if curves.unreadable:
        raise typer.Exit(1)
