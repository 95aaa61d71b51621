"""`facelattice compare`: measure two programs on the same faces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from facelattice.cli.app import EVALUATION, command
from facelattice.cli.console import format_percent, out, print_error, print_notice, progress_bar
from facelattice.cli.options import (
    MODEL_OR_PREDICTIONS,
    AnnotatedFaces,
    AsJson,
    BoxSeed,
    BoxSource,
    ProtocolName,
    ReportFolder,
    Subset,
)
from facelattice.terminal import one_line

if TYPE_CHECKING:
    from facelattice.evaluation.compare import Comparison, MetricComparison


@command(
    EVALUATION,
    "facelattice compare ibug68 ibug68-fast DATA/300W",
    "facelattice compare mine.onnx dlib.xml faces.csv --box detector --json",
)
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=MODEL_OR_PREDICTIONS)],
    b: Annotated[str, typer.Argument(metavar="B", help="Second model or predictions, of the same kinds.")],
    data: AnnotatedFaces,
    box: BoxSource = None,
    subset: Subset = None,
    protocol: ProtocolName = None,
    seed: BoxSeed = 0,
    report: ReportFolder = None,
    as_json: AsJson = False,
) -> None:
    """Compare two models or files of predictions on the same faces and landmarks.

    Differences are A - B with the 95 % interval of a paired bootstrap over the faces. A wins or loses if the interval
    does not contain 0; otherwise it is a tie.
    """
    from facelattice import distributed
    from facelattice.evaluation.compare import compare as compare_programs

    if report is not None:  # a missing package or a wrong folder is an error before the work
        from facelattice.evaluation.compare_report import write_comparison

        report.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        result = compare_programs(a, b, data, box, subset, protocol=protocol, seed=seed, progress=progress.track)
    if not distributed.is_main():
        return
    for message in result.unreadable:
        print_error(message)
    if report is not None:
        write_comparison(result, report)
        print_notice(f"written: {report / 'index.html'}, {report / 'result.json'}")
    if as_json:
        print(json.dumps(result.to_dict()))
    else:
        _print_comparison(result)
    if result.unreadable:
        raise typer.Exit(1)


def _print_comparison(result: Comparison) -> None:
    """Print a table for each metric, and below them an explanation."""
    title = f"A is {result.a.name}, B is {result.b.name}, on {result.data}"
    out.print(one_line(title + (f", {result.subset}" if result.subset else "")))
    rows = dict(result.subsets)
    rows |= {
        f"{name} landmarks": row for name, row in (("occluded", result.occluded), ("visible", result.visible)) if row
    }
    percent = f"{100 * result.protocol.threshold:g}"
    for metric in ("nme", "failure_rate"):
        name = {"nme": "NME", "failure_rate": f"FR@{percent}"}[metric]
        table = Table(name, "faces", "A", "B", "A - B (95 % interval)", "A", box=SIMPLE_HEAD)
        for subset, row in rows.items():
            table.add_row(one_line(subset), str(row.num_faces), *_format_metric(getattr(row, metric)))
        out.print(table)
    out.print(
        f"{result.num_points} landmarks of {result.scheme}. Protocol: {result.protocol.name}. "
        f"NME: {result.protocol.normalizer}, over the faces that both found; "
        f"missed by A: {result.a.num_missed}, by B: {result.b.num_missed}. "
        f"FR@{percent}: fraction of the faces with an NME above {percent} %, or missed. "
        f"Boxes: A {result.a.box_source}, B {result.b.box_source}.",
        soft_wrap=True,
    )


def _format_metric(metric: MetricComparison | None) -> tuple[str, str, str, str]:
    """Return A, B, their difference with its interval, and the verdict."""
    if metric is None:
        return "-", "-", "-", "-"
    difference, low, high = (f"{100 * value:+.2f}" for value in (metric.difference, metric.low, metric.high))
    return format_percent(metric.a), format_percent(metric.b), f"{difference} ({low} to {high})", metric.verdict
