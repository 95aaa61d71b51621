"""`facelattice train`: train a model from a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facelattice.cli.app import app
from facelattice.cli.options import Overrides


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe, a YAML file.")],
    overrides: Overrides = None,
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="DIR", file_okay=False, show_default="runs/RECIPE", help="Checkpoints and logs."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint in --out.")] = False,
) -> None:
    """Train a model from a recipe. Ctrl-C or a killed process loses at most the current epoch.

    On several GPUs: accelerate launch -m facelattice train RECIPE. In several processes on a CPU: torchrun
    --nproc-per-node 2 -m facelattice train RECIPE.
    """
    from facelattice.training.trainer import train

    train(recipe, overrides or [], out_dir or Path("runs") / recipe.stem, resume)
