"""`facelattice evaluate`: measure a model on annotated faces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from facelattice.cli.app import app
from facelattice.cli.console import err, format_percent, out, print_error, progress_bar
from facelattice.cli.options import AsJson, Subset

_MODEL = Annotated[str, typer.Argument(help="A bundled model, a model file, or points that any program wrote.")]
_DATA = Annotated[Path, typer.Argument(help="Annotated faces.")]
_BOX = Annotated[
    str | None, typer.Option(metavar="annotation|noisy|detector", help="Where boxes come from; else annotation.")
]
_PROTOCOL = Annotated[str | None, typer.Option(metavar="NAME", help="A benchmark's way to measure; else the data's.")]
_SEED = Annotated[int, typer.Option(min=0, help="Of noisy boxes.")]


@app.command()
def evaluate(
    model: _MODEL,
    data: _DATA,
    box: _BOX = None,
    subset: Subset = None,
    protocol: _PROTOCOL = None,
    seed: _SEED = 0,
    as_json: AsJson = False,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", file_okay=False, help="Write a page, index.html, and result.json.")
    ] = None,
) -> None:
    """Measure a model on annotated faces, or the points that another program wrote: CSV, JSON, COCO, dlib XML, .pts.

    --box annotation gives a model each face's landmark box, noisy that box moved at random; detector gives it the whole
    image and nothing else. What DATA can be: docs/your-own-data.md. What figures mean: docs/measuring.md.
    """
    from facelattice import distributed
    from facelattice.evaluation.evaluate import run, write_report

    if report is not None:
        import facelattice.evaluation.html_report  # noqa: F401  what is missing for it shows now, not after the work

        report.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        evaluation = run(model, data, box, subset, progress.track, protocol, seed, with_presence=report is not None)
    if not distributed.is_main():
        return
    result = evaluation.result
    for reason in result["unreadable"]:
        print_error(reason)
    if report is not None:
        write_report(evaluation, report)
        err.print(Text(f"written: {report / 'index.html'}, {report / 'result.json'}"), soft_wrap=True)
    if as_json:
        print(json.dumps(result))
    else:
        _show(result, f"{result['model']} on {data}" + (f", {subset}" if subset else ""))


def _show(result: dict[str, Any], name: str) -> None:
    """The figures of an evaluation as a table, and below it what they mean."""
    table = Table(
        "faces", "number", "missed", "NME", "failures", "AUC", "expected", title=Text(name), title_justify="left"
    )
    for part, row in {"all": result, **result["subsets"]}.items():
        shares = (row[key] for key in ("nme", "failure_rate", "auc", "expected_nme"))
        table.add_row(Text(part), str(row["faces"]), str(row["missed"]), *map(format_percent, shares))
    for part, row in (result["visibility"] or {}).items():
        table.add_row(Text(f"{part} points"), str(row["faces"]), "", format_percent(row["nme"]))
    out.print(table)
    threshold = f"{100 * result['threshold']:g} %"
    out.print(
        f"Boxes: {result['box']}. NME: {result['normalizer']}, mean over the faces found; expected: what the model "
        f"itself says. Failures: over {threshold}, or missed. AUC: up to {threshold}. Protocol: {result['protocol']}.",
        soft_wrap=True,
    )
    if None not in result["offset"]:
        x, y = result["offset"]
        across, down = "right of" if x > 0 else "left of", "below" if y > 0 else "above"
        lie = f"{format_percent(abs(x))} {across} and {format_percent(abs(y))} {down}"
        out.print(f"As a rule points lie {lie} the annotation.", soft_wrap=True)
    if result["rank_correlation"]:
        out.print(_belief(result), soft_wrap=True)
    if result["not_measurable"]:
        out.print(f"{result['not_measurable']} faces have no size to divide by, and take no part.", soft_wrap=True)


def _belief(result: dict[str, Any]) -> str:
    """How far the program's own expectations can be believed."""
    known = {what: value for what, value in result["rank_correlation"].items() if value is not None}
    ranks = ", ".join(f"{value:.2f} over {what}" for what, value in known.items())
    said = [f"Rank correlation of expected and true errors: {ranks}."]
    if result["unsure_tenth"] is not None:
        share = f"{100 * result['unsure_tenth']:.0f} %"
        said.append(f"The tenth of the faces with the largest expected error holds {share} of the failures.")
    if result["presence"]:
        none = result["presence"]["beside"] + result["presence"]["painted"]
        said.append(f"The score tells faces from {none} places without one: AUROC {result['presence']['auroc']:.3f}.")
    return " ".join(said)
