"""`facelattice train`: train a model from a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facelattice import distributed
from facelattice.cli.app import TRAINING, command
from facelattice.cli.options import Overrides
from facelattice.cli.signals import hint_on_stop
from facelattice.messages import shell_command


@command(
    TRAINING,
    "facelattice train recipe.yaml epochs=60 batch_size=16",
    "facelattice train recipe.yaml epochs=60 --check",
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
    check: Annotated[
        bool, typer.Option("--check", metavar="", help="Check recipe, data and a few steps; write nothing.")
    ] = False,
) -> None:
    """Train a model from a recipe.

    Ctrl-C or a killed process loses at most the current epoch. Several GPUs need `accelerate launch`, and several
    processes on a CPU `torchrun --nproc-per-node 2 -m facelattice train RECIPE`.
    """
    out = out_dir or Path("runs") / recipe.stem
    if check:
        from facelattice.training.dry_run import check_run

        check_run(recipe, overrides or [], out, resume)
        return

    def find_hint() -> str:
        if not distributed.is_main():
            return ""
        if not (out / "last.pt").exists():
            return "no epoch is finished"
        folder = [] if out_dir is None else ["--out", str(out_dir)]
        command = shell_command("facelattice", "train", str(recipe), *(overrides or []), *folder, "--resume")
        return f"continue with: {command}"

    with hint_on_stop(find_hint):
        from facelattice.training.training_run import train

        train(recipe, overrides or [], out, resume)
