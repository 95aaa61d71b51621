"""`facelattice train`: train a model from a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facelattice.cli.app import app
from facelattice.cli.options import Overrides


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe, YAML.")],
    overrides: Overrides = None,
    out_dir: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", file_okay=False, help="Checkpoints and logs; else runs/RECIPE."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")] = False,
) -> None:
    """Train a model as a recipe says. Ctrl-C or a killed process lose no more than the epoch they stop.

    On several GPUs: accelerate launch -m facelattice train RECIPE; in several processes on a CPU: torchrun
    --nproc-per-node 2 -m facelattice train RECIPE
    """
    from facelattice.training.trainer import train

    train(recipe, overrides or [], out_dir or Path("runs") / recipe.stem, resume)
