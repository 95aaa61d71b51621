"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of the table.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE...]", help="Settings of the recipe to override.")
]
Subset = Annotated[str | None, typer.Option(metavar="NAME", help="Use only the faces of this subset.")]

# Options of the commands that measure on annotated faces.
AnnotatedFaces = Annotated[Path, typer.Argument(metavar="DATA", help="Annotated faces, see docs/your-own-data.md.")]
BoxSource = Annotated[
    str | None,
    typer.Option(
        metavar="annotation|noisy|detector",
        help="Boxes for a model: annotated, annotated with noise, or detected in the whole image.",
        show_default="annotation",
    ),
]
BoxSeed = Annotated[int, typer.Option("--seed", min=0, help="Seed of noisy boxes.")]
ModelOrPredictions = Annotated[
    str,
    typer.Argument(
        help="A bundled model, a model file, or landmarks in a .csv, .json or .xml file or a folder of .pts or .json."
    ),
]
ProtocolName = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Normalizing distance and failure threshold.", show_default="of the dataset"),
]
ReportFolder = Annotated[
    Path | None,
    typer.Option("--report", metavar="DIR", file_okay=False, help="Also write DIR/index.html and DIR/result.json."),
]
