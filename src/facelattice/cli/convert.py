"""`facelattice convert`: convert one kind of annotation files into another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facelattice.cli.app import TRAINING, command
from facelattice.cli.console import print_error, print_line
from facelattice.cli.options import Subset, complete
from facelattice.cli.signals import FILES_COMPLETE, hint_on_stop
from facelattice.formats.annotation_writers import FILE_WRITERS, FOLDER_WRITERS
from facelattice.messages import pluralize


@command(
    TRAINING,
    "facelattice convert faces.csv annotations.xml --format cvat",
    "facelattice convert DATA/300W faces.json --format coco --scheme five",
)
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Annotated faces, see docs/your-own-data.md.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File or folder to write.")],
    scheme: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Scheme of the points in OUT: a built-in name, or a YAML file.",
            show_default="that of IN",
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"Kind of OUT: {', '.join(FILE_WRITERS)}; of a folder: {', '.join(FOLDER_WRITERS)}.",
            autocompletion=complete([*FILE_WRITERS, *FOLDER_WRITERS]),
            show_default="by the name: .csv, .json is coco, data.yaml is yolo",
        ),
    ] = None,
    subset: Subset = None,
) -> None:
    """Convert annotated faces into another kind of files.

    The kind of IN is recognized. Paths of images are written relative to OUT; for pts and yolo, the images are copied.
    Content that OUT cannot hold is reported on stderr.
    """
    from facelattice.datasets.convert import convert_dataset

    with hint_on_stop(lambda: FILES_COMPLETE if target.is_dir() else ""):  # a single file is written at the end
        result = convert_dataset(source, target, scheme, format, subset)
    for note in result.notes:
        print_error(f"note: {note}")
    summary = f"{pluralize(result.num_faces, 'face')} in {pluralize(result.num_images, 'image')} as {result.format}"
    print_line(f"written: {target}, {summary}")
