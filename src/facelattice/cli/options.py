"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer

from facelattice.evaluation.predict import BOX_SOURCES
from facelattice.evaluation.protocols import PROTOCOLS


def complete(values: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a function that completes a value in the shell."""
    known = list(values)
    return lambda incomplete: [value for value in known if value.startswith(incomplete)]


AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON instead of the table.")]
Overrides = Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Keys of the recipe to override.")]
Subset = Annotated[str | None, typer.Option(metavar="NAME", help="Only the faces of this subset.")]

# Options of `evaluate` and `compare`.
AnnotatedFaces = Annotated[Path, typer.Argument(metavar="DATA", help="Annotated faces, see docs/your-own-data.md.")]
BoxSource = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="Boxes for a model: annotation, noisy (annotation with noise) or detector (found in the whole image).",
        show_default="annotation",
        autocompletion=complete(BOX_SOURCES),
    ),
]
BoxSeed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Seed of noisy boxes.")]
MODEL_OR_PREDICTIONS = (
    "Bundled model, model file, or predictions: a .csv, .json or .xml file or a folder of .pts or .json files."
)
ProtocolName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Normalizing distance and failure threshold.",
        show_default="of the dataset",
        autocompletion=complete(PROTOCOLS),
    ),
]
ReportFolder = Annotated[
    Path | None,
    typer.Option("--report", metavar="DIR", file_okay=False, help="Also write DIR/index.html and DIR/result.json."),
]
