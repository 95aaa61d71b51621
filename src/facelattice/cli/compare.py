"""`facelattice compare`: measure two programs on the same faces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from facelattice.cli.app import app
from facelattice.cli.console import format_percent, out, print_error, progress_bar
from facelattice.cli.options import AsJson, Subset

_MODEL = Annotated[str, typer.Argument(help="A bundled model, a model file, or points that any program wrote.")]
_DATA = Annotated[Path, typer.Argument(help="Annotated faces.")]
_BOX = Annotated[
    str | None, typer.Option(metavar="annotation|noisy|detector", help="Where boxes come from; else annotation.")
]
_PROTOCOL = Annotated[str | None, typer.Option(metavar="NAME", help="A benchmark's way to measure; else the data's.")]
_SEED = Annotated[int, typer.Option(min=0, help="Of noisy boxes.")]


@app.command()
def compare(
    a: _MODEL,
    b: Annotated[str, typer.Argument(help="The same; A wins where it is better than B.")],
    data: _DATA,
    box: _BOX = None,
    subset: Subset = None,
    protocol: _PROTOCOL = None,
    seed: _SEED = 0,
    as_json: AsJson = False,
) -> None:
    """Measure two programs on the same faces and points, and say which is better, and how sure that is.

    Differences are A - B with the interval that 95 % of 10000 resamples of the faces fall in; it is a tie where that
    holds 0.
    """
    from facelattice import distributed
    from facelattice.evaluation.compare import compare

    with progress_bar() as progress:
        result = compare(a, b, data, box, seed, subset=subset, protocol=protocol, progress=progress.track)
    if not distributed.is_main():
        return
    for reason in result["unreadable"]:
        print_error(reason)
    if as_json:
        print(json.dumps(result))
        return
    out.print(Text(f"A is {result['a']}, B is {result['b']}, on {data}" + (f", {subset}" if subset else "")))
    for key, measure in (("nme", "NME"), ("failure_rate", "failures")):
        table = Table(measure, "faces", "A", "B", "A - B (95 %)", "A", box=SIMPLE_HEAD)
        for part, row in result["parts"].items():
            table.add_row(Text(part), str(row["faces"]), *_difference(row[key]))
        out.print(table)
    missed, boxes, threshold = result["missed"], result["box"], f"{100 * result['threshold']:g} %"
    out.print(
        f"{result['points']} points of {result['scheme']}. NME: {result['normalizer']}, over the faces that both "
        f"found; missed by A {missed['a']}, by B {missed['b']}. Failures: over {threshold}, or missed. "
        f"Boxes: A {boxes['a']}, B {boxes['b']}. Protocol: {result['protocol']}.",
        soft_wrap=True,
    )


def _difference(row: dict[str, Any] | None) -> tuple[str, str, str, str]:
    """A, B, their difference with its interval, and the verdict."""
    if row is None:
        return "-", "-", "-", "-"
    low, high = (f"{100 * row[key]:+.2f}" for key in ("low", "high"))
    return (
        format_percent(row["a"]),
        format_percent(row["b"]),
        f"{100 * row['difference']:+.2f} ({low} to {high})",
        row["verdict"],
    )
