"""The verbs that make models: label, train, export, and ablate, which makes many to compare them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from facelattice.aligner import FaceAligner
from facelattice.cli.program import Overrides, app, counted, out, progress_bar, say
from facelattice.formats import write_csv
from facelattice.formats.files import seen_from
from facelattice.pictures import PictureError, find_pictures
from facelattice.weights import DEFAULT

TABLES = (".csv", ".json", ".xml")


@app.command()
def label(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Pictures, folders, globs in quotes; or an annotated table.")
    ],
    output: Annotated[
        Path, typer.Option("--out", "-o", metavar="TABLE.csv", dir_okay=False, help="The table to write.")
    ],
    model: Annotated[str, typer.Option(help="A bundled model, or the path of a model file.")] = DEFAULT,
) -> None:
    """Make a table to train on of a model's own points, where it agrees with itself: for pictures without annotation.

    Each face is looked at in several shifted, turned and mirrored crops. Points that move with the crop are left out.
    Of a table (.csv, .json, .xml) of faces with few or noisy points those faces are kept where the model's points are
    near the annotated ones.
    """
    from facelattice.data import agreement
    from facelattice.data.sources import read_for

    aligner = FaceAligner(model)
    unreadable: list[Path] = []

    def on_error(picture: Path, error: PictureError) -> None:
        unreadable.append(picture)
        say(str(error))

    table = Path(inputs[0])
    with progress_bar() as progress:
        if len(inputs) == 1 and table.suffix.lower() in TABLES:
            where = f"of {len(samples := read_for(aligner.model.scheme, table))} that are annotated"
            faces = list(agreement.relabel(aligner, samples, on_error, progress.track))
        else:
            where = f"in {counted(len(pictures := find_pictures(inputs)), 'picture')}"
            faces = list(agreement.label(aligner, progress.track(pictures), on_error))
    if not faces:
        raise ValueError(f"no face was found {where} on which the model agrees with itself")
    write_csv(output, ((seen_from(output.parent, picture), points, mask) for picture, points, mask in faces))
    share = sum(float(mask.mean()) for _, _, mask in faces) / len(faces)
    counts = f"{counted(len(faces), 'face')} {where}, with {100 * share:.0f} % of their points"
    out.print(Text(f"written: {output}, {counts}"), soft_wrap=True)
    if unreadable:
        raise typer.Exit(1)


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
    from facelattice.training.fit import train

    train(recipe, overrides or [], out_dir or Path("runs") / recipe.stem, resume)


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
    from facelattice.training.export import ROUNDING, export

    metadata = export(checkpoint, output, int8)
    held_out = f"held-out NME {100 * metadata['held_out_nme']:.2f} %"
    bits = (
        "" if metadata["half"] else f"; its weights are in 32 bits, as 16 would move points by more than {ROUNDING} px"
    )
    line = f"written: {output}, {metadata['name']}, epoch {metadata['epoch']}, {held_out}{bits}"
    out.print(Text(line), soft_wrap=True)


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
    from facelattice.evaluation.ablation import ablate

    out_dir = out_dir or Path("runs") / plan.stem
    failed = ablate(plan, overrides or [], out_dir, jobs)
    out.print((out_dir / "ablation.md").read_text(), markup=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)
