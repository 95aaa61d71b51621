"""`facelattice export`: write a model file from a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from facelattice.cli.app import app
from facelattice.cli.console import out


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="What training wrote.")],
    output: Annotated[
        Path, typer.Option("--out", "-o", metavar="MODEL.onnx", dir_okay=False, help="The model file to write.")
    ],
    int8: Annotated[
        bool, typer.Option("--int8", help="The backbone in 8-bit integers, unless that costs 0.05 per cent or more.")
    ] = False,
) -> None:
    """Make a model file from a checkpoint, and prove that it does what the network does."""
    from facelattice.training.onnx_export import ROUNDING, export

    metadata = export(checkpoint, output, int8)
    held_out = f"held-out NME {100 * metadata['held_out_nme']:.2f} %"
    bits = (
        "" if metadata["half"] else f"; its weights are in 32 bits, as 16 would move points by more than {ROUNDING} px"
    )
    line = f"written: {output}, {metadata['name']}, epoch {metadata['epoch']}, {held_out}{bits}"
    out.print(Text(line), soft_wrap=True)
