"""`facelattice bench`: time everything on this machine."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from facelattice.cli.app import app
from facelattice.cli.console import err, out
from facelattice.cli.options import AsJson
from facelattice.image_io import find_images
from facelattice.inference.model_zoo import DEFAULT, list_models


@app.command()
def bench(
    images: Annotated[
        list[str] | None, typer.Argument(metavar="[IMAGE...]", help="To time the detector and the whole way with.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A bundled model or a model file, several times for several; else all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say how long everything takes on this machine: medians, as a table."""
    from facelattice.inference.benchmark import measure, processor

    models = model or sorted(list_models(), key=lambda name: name != DEFAULT)
    found = find_images(images) if images else []
    rows = []
    table = Table("what", "how", Column("median", justify="right"), title=processor(), box=SIMPLE_HEAD)
    with err.status("measuring; keep the machine quiet"):
        for row in measure(models, found):
            rows.append(row._asdict())
            table.add_row(row.part, row.setting, f"{row.value:.3g} {row.unit}")
    if as_json:
        print(json.dumps(rows))
    else:
        out.print(table)
