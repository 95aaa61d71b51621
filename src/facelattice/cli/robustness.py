"""`facelattice robustness`: curves of the error against occlusion, blur and inexact boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from facelattice.cli.app import app
from facelattice.cli.console import out, progress_bar
from facelattice.cli.options import Subset
from facelattice.formats import atomic_write


@app.command()
def robustness(
    models: Annotated[list[str], typer.Argument(metavar="[LABEL=]MODEL...", help="Names, model files or checkpoints.")],
    data: Annotated[Path, typer.Option(help="Annotated faces.")],
    output: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE.png", dir_okay=False, help="The curves: .png, .jpg, .svg or .pdf."),
    ],
    subset: Subset = None,
) -> None:
    """Draw how errors grow with patches, sunglasses, masks, hands, blur, inexact boxes and turned heads.

    Models of the same LABEL are runs with other seeds. The figures are written beside the image, as JSON.
    """
    from facelattice.evaluation.robustness_curves import curves, draw
    from facelattice.visualization.figures import figure_format

    figure_format(output)  # what cannot be drawn, or what is missing for it, shows now and not after the work
    runs: dict[str, list[str]] = {}
    for model in models:
        label, _, path = model.rpartition("=")
        runs.setdefault(label or Path(path).stem, []).append(path)
    with progress_bar() as progress:
        result = curves(runs, data, subset, progress=progress.track)
    draw(result, output)
    with atomic_write(output.with_suffix(".json")) as file:
        json.dump(result, file)
    out.print(Text(f"written: {output}, {output.with_suffix('.json')}"), soft_wrap=True)
