"""`facelattice schemes`: list the point schemes, or draw one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from facelattice.cli.app import MODELS, command
from facelattice.cli.console import out, print_line
from facelattice.datasets.pair_check import describe_pairs
from facelattice.exceptions import DataError
from facelattice.image_io import save_image
from facelattice.schemes import SCHEMES, Scheme, get_scheme
from facelattice.visualization.scheme_chart import draw_scheme


@command(MODELS, "facelattice schemes", "facelattice schemes wflw98 --out wflw98.png")
def schemes(
    name: Annotated[
        str | None, typer.Argument(metavar="SCHEME", help="Scheme to draw, or its YAML file.", show_default="list all")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE.png", dir_okay=False, help="Drawing.", show_default="SCHEME.png"),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FACES", help="Annotated faces; the points are drawn on their mean face."),
    ] = None,
) -> None:
    """List the point schemes, or draw one with numbered points and print its mirror pairs."""
    if name is not None:
        scheme = get_scheme(name)
        output = output or Path(f"{scheme.name}.png")
        save_image(output, draw_scheme(scheme, shape=None if data is None else _mean_face(data, scheme)))
        line = f"written: {output}, {scheme.name} with {len(scheme)} points"
        if data is None and scheme.name not in SCHEMES:
            line += "; their places are schematic, --data FACES takes them from your faces"
        print_line(line)
        print_line(describe_pairs(scheme))
        return
    table = Table("scheme", "points", "regions")
    for scheme in SCHEMES.values():
        table.add_row(scheme.name, str(len(scheme)), ", ".join(scheme.regions))
    out.print(table)


def _mean_face(data: Path, scheme: Scheme) -> np.ndarray:
    """Compute the mean (N, 2) of the complete faces of a dataset."""
    from facelattice.datasets.readers.detect_layout import read_samples_for
    from facelattice.datasets.sample import convert_samples, mean_shape_of

    shape = mean_shape_of(convert_samples(read_samples_for(scheme, data), scheme, None))
    if shape is None:
        raise DataError(f"{data}: no face has all {len(scheme)} points of {scheme.name}, so there is no mean face")
    return shape
