"""`facelattice ablate`: train and measure what each part of a recipe is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facelattice.cli.app import app
from facelattice.cli.console import out
from facelattice.cli.options import Overrides


@app.command()
def ablate(
    plan: Annotated[Path, typer.Argument(metavar="ABLATION.yaml", help="A base recipe, its changes, and seeds.")],
    overrides: Overrides = None,
    out_dir: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", file_okay=False, help="Runs and tables; else runs/ABLATION."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, each with its share of the processors.")] = 1,
) -> None:
    """Train and measure what each part of a recipe is worth: rows of changes x seeds.

    Writes ablation.csv and ablation.md into --out. The same command goes on where it was stopped. Exit status 1 if a
    run failed; it is tried again next time.
    """
    from facelattice.evaluation.ablation.runner.runner import ablate

    out_dir = out_dir or Path("runs") / plan.stem
    failed = ablate(plan, overrides or [], out_dir, jobs)
    out.print((out_dir / "ablation.md").read_text(), markup=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)
