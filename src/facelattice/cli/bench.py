"""`facelattice bench`: speed and memory on this machine."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from facelattice.cli.app import MODELS, command
from facelattice.cli.console import err, out
from facelattice.cli.options import AsJson
from facelattice.file_search import find_images
from facelattice.inference.model_zoo import DEFAULT, list_models


@command(MODELS, "facelattice bench", "facelattice bench photo.jpg --model ibug68-fast")
def bench(
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE", help="Images, folders and globs of images.", show_default="a sample image"),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="Bundled model or model file; may be repeated.",
            show_default="all bundled models",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure latency, throughput and peak memory on this machine.

    Times of calls are medians. Other programs on the machine distort them.
    """
    from facelattice.inference.benchmark import describe_machine, describe_processor, measure

    models = model or sorted(list_models(), key=lambda name: name != DEFAULT)
    paths = find_images(images) if images else []
    machine = describe_machine()
    timings = []
    table = Table("model", "setting", Column("value", justify="right"), title=describe_processor(), box=SIMPLE_HEAD)
    with err.status("measuring; other programs on this machine distort the result"):
        for timing in measure(models, paths):
            timings.append(timing._asdict())
            table.add_row(timing.part, timing.setting, f"{timing.value:.3g} {timing.unit}")
    if as_json:
        print(json.dumps({**machine, "timings": timings}))
    else:
        out.print(table)
