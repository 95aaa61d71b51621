"""`facelattice label`: pseudo-labels for images without annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facelattice.cli.app import TRAINING, command
from facelattice.cli.console import print_error, print_line, progress_bar
from facelattice.cli.signals import hint_on_stop
from facelattice.exceptions import DataError, ImageError
from facelattice.file_search import find_images
from facelattice.formats import write_csv
from facelattice.formats.names import relative_path
from facelattice.inference.aligner import FaceAligner
from facelattice.inference.model_zoo import DEFAULT
from facelattice.messages import pluralize

TABLES = (".csv", ".json", ".xml")


@command(
    TRAINING,
    "facelattice label photos --out labels.csv",
    "facelattice label five_points.csv --model mine.onnx --out labels.csv",
)
def label(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Images, folders and globs; or one table of annotated faces."),
    ],
    output: Annotated[Path, typer.Option("--out", "-o", metavar="TABLE.csv", dir_okay=False, help="Table to write.")],
    model: Annotated[str, typer.Option(metavar="MODEL", help="Bundled model or model file.")] = DEFAULT,
) -> None:
    """Write pseudo-labels, filtered by test-time-augmentation consistency.

    Each face is predicted in several shifted, rotated and mirrored crops. Landmarks whose predictions differ are left
    out.

    If INPUT is a table (.csv, .json, .xml) of faces with noisy or few points, these faces are labeled. Faces whose
    prediction is far from the annotated points are left out.
    """
    from facelattice.datasets.readers.detect_layout import read_samples_for
    from facelattice.training.pseudo_labels import PseudoLabel, label_images, relabel_samples

    aligner = FaceAligner(model)
    unreadable: list[Path] = []

    def on_error(image: Path, error: ImageError) -> None:
        unreadable.append(image)
        print_error(str(error))

    table = Path(inputs[0])
    is_table = len(inputs) == 1 and table.suffix.lower() in TABLES
    labels: list[PseudoLabel] = []
    with (
        hint_on_stop(lambda: f"{output} has the labels so far" if labels else ""),
        progress_bar("faces" if is_table else "images") as progress,
    ):
        if is_table:
            samples = read_samples_for(aligner.model.scheme, table)
            source = f"of {pluralize(len(samples), 'annotated face')}"
            found = relabel_samples(aligner.predictor, samples, on_error, progress.track)
        else:
            images = find_images(inputs)
            source = f"in {pluralize(len(images), 'image')}"
            found = label_images(aligner, progress.track(images), on_error)
        try:
            labels.extend(found)
        finally:  # after a signal, the labels so far are kept
            if labels:
                write_csv(output, ((relative_path(path, output.parent), points, mask) for path, points, mask in labels))
    if not labels:
        raise DataError(f"no face {source} has consistent predictions; nothing is written")
    share = sum(float(mask.mean()) for _, _, mask in labels) / len(labels)
    summary = f"{pluralize(len(labels), 'face')} {source}, with {100 * share:.0f} % of their landmarks"
    print_line(f"written: {output}, {summary}")
    if unreadable:
        raise typer.Exit(1)
