"""`facelattice ablate`: train and evaluate variants of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facelattice.cli.app import TRAINING, command
from facelattice.cli.console import out
from facelattice.cli.options import Overrides
from facelattice.cli.signals import hint_on_stop


@command(
    TRAINING,
    "facelattice ablate recipes/ablation.yaml",
    "facelattice ablate recipes/ablation.yaml epochs=20 --out runs/short --jobs 2",
)
def ablate(
    plan: Annotated[Path, typer.Argument(metavar="ABLATION.yaml", help="Base recipe, rows of overrides, and seeds.")],
    overrides: Overrides = None,
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            file_okay=False,
            help="Folder of runs and tables.",
            show_default="runs/ABLATION",
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Runs at a time; each uses its share of the CPU cores.")
    ] = 1,
) -> None:
    """Train and evaluate each row of an ablation with each seed.

    Writes ablation.csv and ablation.md. The same command resumes an ablation that was stopped. The exit status is 1 if
    a run failed; the next start tries it again.
    """
    from facelattice.evaluation.ablation.runner import ablate as run_ablation

    out_dir = out_dir or Path("runs") / plan.stem
    with hint_on_stop(lambda: "the same command continues"):
        failed = run_ablation(plan, overrides or [], out_dir, jobs)
    out.print((out_dir / "ablation.md").read_text(encoding="utf-8"), markup=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)
