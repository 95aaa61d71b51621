"""`facelattice label`: pseudo-labels for images without annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from facelattice.cli.app import app
from facelattice.cli.console import out, pluralize, print_error, progress_bar
from facelattice.exceptions import ImageError
from facelattice.formats import write_csv
from facelattice.formats.files import relative_name
from facelattice.image_io import find_images
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import DEFAULT

TABLES = (".csv", ".json", ".xml")


@app.command()
def label(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Images, folders, globs in quotes; or an annotated table.")
    ],
    output: Annotated[
        Path, typer.Option("--out", "-o", metavar="TABLE.csv", dir_okay=False, help="The table to write.")
    ],
    model: Annotated[str, typer.Option(help="A bundled model, or the path of a model file.")] = DEFAULT,
) -> None:
    """Make a table to train on of a model's own points, where it agrees with itself: for images without annotation.

    Each face is looked at in several shifted, turned and mirrored crops. Points that move with the crop are left out.
    Of a table (.csv, .json, .xml) of faces with few or noisy points those faces are kept where the model's points are
    near the annotated ones.
    """
    from facelattice.datasets.readers.detect_layout import read_samples_for
    from facelattice.training import pseudo_labels

    aligner = FaceAligner(model)
    unreadable: list[Path] = []

    def on_error(image: Path, error: ImageError) -> None:
        unreadable.append(image)
        print_error(str(error))

    table = Path(inputs[0])
    with progress_bar() as progress:
        if len(inputs) == 1 and table.suffix.lower() in TABLES:
            where = f"of {len(samples := read_samples_for(aligner.model.scheme, table))} that are annotated"
            faces = list(pseudo_labels.relabel(aligner, samples, on_error, progress.track))
        else:
            where = f"in {pluralize(len(images := find_images(inputs)), 'image')}"
            faces = list(pseudo_labels.label(aligner, progress.track(images), on_error))
    if not faces:
        raise ValueError(f"no face was found {where} on which the model agrees with itself")
    write_csv(output, ((relative_name(output.parent, image), points, mask) for image, points, mask in faces))
    share = sum(float(mask.mean()) for _, _, mask in faces) / len(faces)
    counts = f"{pluralize(len(faces), 'face')} {where}, with {100 * share:.0f} % of their points"
    out.print(Text(f"written: {output}, {counts}"), soft_wrap=True)
    if unreadable:
        raise typer.Exit(1)
