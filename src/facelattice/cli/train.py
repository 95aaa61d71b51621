"""`facelattice train`: train a model from a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facelattice.cli.app import TRAINING, command
from facelattice.cli.options import Overrides


@command(
    TRAINING,
    "facelattice train recipe.yaml epochs=60 batch_size=16",
    "facelattice train recipe.yaml --resume",
    "accelerate launch -m facelattice train recipe.yaml",
)
def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe, a YAML file.")],
    overrides: Overrides = None,
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="DIR", file_okay=False, show_default="runs/RECIPE", help="Checkpoints and logs."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", metavar="", help="Continue from the last checkpoint in --out.")
    ] = False,
) -> None:
    """Train a model from a recipe.

    Ctrl-C or a killed process loses at most the current epoch. Several GPUs need `accelerate launch`, and several
    processes on a CPU `torchrun --nproc-per-node 2 -m facelattice train RECIPE`.
    """
    from facelattice.training.trainer import train

    train(recipe, overrides or [], out_dir or Path("runs") / recipe.stem, resume)
