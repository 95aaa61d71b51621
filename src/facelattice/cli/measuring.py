"""The verbs that measure: evaluate, compare, robustness, bench."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

from facelattice.cli.program import AsJson, Subset, app, err, out, percent, progress_bar, say
from facelattice.formats import atomic_write
from facelattice.pictures import find_pictures
from facelattice.weights import DEFAULT, list_models

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
    picture and nothing else. What DATA can be: docs/your-own-data.md. What figures mean: docs/measuring.md.
    """
    from facelattice.evaluation import processes
    from facelattice.evaluation.report import run, write_report

    if report is not None:
        import facelattice.evaluation.page  # noqa: F401  what is missing for it shows now, not after the work

        report.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        evaluation = run(model, data, box, subset, progress.track, protocol, seed, with_presence=report is not None)
    if not processes.is_main():
        return
    result = evaluation.result
    for reason in result["unreadable"]:
        say(reason)
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
        table.add_row(Text(part), str(row["faces"]), str(row["missed"]), *map(percent, shares))
    for part, row in (result["visibility"] or {}).items():
        table.add_row(Text(f"{part} points"), str(row["faces"]), "", percent(row["nme"]))
    out.print(table)
    threshold = f"{100 * result['threshold']:g} %"
    out.print(
        f"Boxes: {result['box']}. NME: {result['normaliser']}, mean over the faces found; expected: what the model "
        f"itself says. Failures: over {threshold}, or missed. AUC: up to {threshold}. Protocol: {result['protocol']}.",
        soft_wrap=True,
    )
    if None not in result["offset"]:
        x, y = result["offset"]
        across, down = "right of" if x > 0 else "left of", "below" if y > 0 else "above"
        lie = f"{percent(abs(x))} {across} and {percent(abs(y))} {down}"
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
    from facelattice.evaluation import processes
    from facelattice.evaluation.compare import compare

    with progress_bar() as progress:
        result = compare(a, b, data, box, seed, subset=subset, protocol=protocol, progress=progress.track)
    if not processes.is_main():
        return
    for reason in result["unreadable"]:
        say(reason)
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
        f"{result['points']} points of {result['scheme']}. NME: {result['normaliser']}, over the faces that both "
        f"found; missed by A {missed['a']}, by B {missed['b']}. Failures: over {threshold}, or missed. "
        f"Boxes: A {boxes['a']}, B {boxes['b']}. Protocol: {result['protocol']}.",
        soft_wrap=True,
    )


def _difference(row: dict[str, Any] | None) -> tuple[str, str, str, str]:
    """A, B, their difference with its interval, and the verdict."""
    if row is None:
        return "-", "-", "-", "-"
    low, high = (f"{100 * row[key]:+.2f}" for key in ("low", "high"))
    return percent(row["a"]), percent(row["b"]), f"{100 * row['difference']:+.2f} ({low} to {high})", row["verdict"]


@app.command()
def robustness(
    models: Annotated[list[str], typer.Argument(metavar="[LABEL=]MODEL...", help="Names, model files or checkpoints.")],
    data: Annotated[Path, typer.Option(help="Annotated faces.")],
    output: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE.png", dir_okay=False, help="The curves: .png, .jpg, .svg or .pdf."),
    ],
    subset: Subset = None,
) -> None:
    """Draw how errors grow with patches, sunglasses, masks, hands, blur, inexact boxes and turned heads.

    Models of the same LABEL are runs with other seeds. The figures are written beside the picture, as JSON.
    """
    from facelattice.evaluation.curves import curves, draw
    from facelattice.figures import kind_of

    kind_of(output)  # what cannot be drawn, or what is missing for it, shows now and not after the work
    runs: dict[str, list[str]] = {}
    for model in models:
        label, _, path = model.rpartition("=")
        runs.setdefault(label or Path(path).stem, []).append(path)
    with progress_bar() as progress:
        result = curves(runs, data, subset, progress=progress.track)
    draw(result, output)
    with atomic_write(output.with_suffix(".json")) as file:
        json.dump(result, file)
    out.print(Text(f"written: {output}, {output.with_suffix('.json')}"), soft_wrap=True)


@app.command()
def bench(
    pictures: Annotated[
        list[str] | None, typer.Argument(metavar="[PICTURE...]", help="To time the detector and the whole way with.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A bundled model or a model file, several times for several; else all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say how long everything takes on this machine: medians, as a table."""
    from facelattice.speed import measure, processor

    models = model or sorted(list_models(), key=lambda name: name != DEFAULT)
    found = find_pictures(pictures) if pictures else []
    rows = []
    table = Table("what", "how", Column("median", justify="right"), title=processor(), box=SIMPLE_HEAD)
    with err.status("measuring; keep the machine quiet"):
        for row in measure(models, found):
            rows.append(row._asdict())
            table.add_row(row.part, row.setting, f"{row.value:.3g} {row.unit}")
    if as_json:
        print(json.dumps(rows))
    else:
        out.print(table)
