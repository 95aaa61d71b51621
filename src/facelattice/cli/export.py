"""`facelattice export`: write a model file from a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facelattice.cli.app import TRAINING, command
from facelattice.cli.console import print_line


@command(TRAINING, "facelattice export runs/recipe/best.pt --out mine.onnx")
def export(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="Checkpoint of a training run, usually best.pt.")
    ],
    output: Annotated[
        Path, typer.Option("--out", "-o", metavar="MODEL.onnx", dir_okay=False, help="Model file to write.")
    ],
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            metavar="",
            help="Quantize the backbone to 8-bit integers. The validation NME may rise by 0.05 percentage points.",
        ),
    ] = False,
) -> None:
    """Export a checkpoint as an ONNX model file.

    The predictions of the file are compared with those of the network in torch before it is written.
    """
    from facelattice.training.onnx_export import MAX_ROUNDING, export

    info = export(checkpoint, output, int8)
    line = f"written: {output}, {info.name}, epoch {info.epoch}, validation NME {100 * (info.val_nme or 0):.2f} %"
    if not info.float16:
        line += f"; its weights are float32, because float16 would move points by more than {MAX_ROUNDING} px"
    print_line(line)
    print_line(f"license: {info.license}")
