"""`facelattice evaluate`: measure a model on annotated faces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
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
    from facelattice.evaluation.result import EvaluationResult, VisibilityAuroc


@command(
    EVALUATION,
    "facelattice evaluate ibug68 DATA/300W --report out",
    "facelattice evaluate predictions.csv DATA/WFLW --json",
)
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_OR_PREDICTIONS)],
    data: AnnotatedFaces,
    box: BoxSource = None,
    subset: Subset = None,
    protocol: ProtocolName = None,
    seed: BoxSeed = 0,
    annotation_style: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Annotation style of the model; `facelattice models` lists them.",
            show_default="that of the protocol",
        ),
    ] = None,
    as_json: AsJson = False,
    report: ReportFolder = None,
) -> None:
    """Evaluate a model, or predictions of another program, on annotated faces.

    If a dataset has training and test faces, such as 300-W, the test faces are used: full, common and challenging in
    one table. docs/measuring.md explains the metrics and protocols.
    """
    from facelattice import distributed
    from facelattice.evaluation.evaluate import evaluate as evaluate_model

    if report is not None:  # a missing package or a wrong folder is an error before the work
        from facelattice.evaluation.html_report import write_report

        report.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
        result = evaluate_model(
            model,
            data,
            box,
            subset,
            protocol,
            seed,
            with_background_auroc=report is not None,
            progress=progress.track,
            annotation_style=annotation_style,
        )
    if not distributed.is_main():
        return
    for message in result.predictions.unreadable:
        print_error(message)
    if report is not None:
        write_report(result, report)
        print_notice(f"written: {report / 'index.html'}, {report / 'result.json'}")
    if as_json:
        print(json.dumps(result.to_dict()))
    else:
        _print_result(result)
    if result.predictions.unreadable:
        raise typer.Exit(1)


def _print_result(result: EvaluationResult) -> None:
    """Print a table of the metrics, and below it an explanation."""
    title = f"{result.model} on {result.data}" + (f", {result.subset}" if result.subset else "")
    percent = f"{100 * result.protocol.threshold:g}"
    columns = "subset", "faces", "missed", "NME", f"FR@{percent}", f"AUC@{percent}", "expected NME"
    table = Table(*columns, title=one_line(title), title_justify="left")
    for name, row in result.table.items():
        fractions = row.nme, row.failure_rate, row.auc, row.expected_nme
        table.add_row(one_line(name), str(row.num_faces), str(row.num_missed), *map(format_percent, fractions))
    for name, points in (("occluded", result.occluded), ("visible", result.visible)):
        if points is not None:
            table.add_row(f"{name} landmarks", str(points.num_faces), "", format_percent(points.nme))
    out.print(table)
    scheme, style = result.samples[0].scheme.name, result.predictions.annotation_style
    style = f" Annotation style: {style}." if style else ""
    lines = [
        f"Scheme of the annotation: {one_line(scheme)}, {result.num_points} landmarks measured. "
        f"Boxes: {result.box_source}.{style} Protocol: {result.protocol.name}. NME: {result.protocol.normalizer}, mean "
        f"over the faces found. FR@{percent}: fraction of the faces with an NME above {percent} %, or missed. "
        f"AUC@{percent}: area under the cumulative error curve up to {percent} %."
    ]
    x, y = result.offset
    if x is not None and y is not None:
        horizontal = f"{format_percent(abs(x))} {'to the right' if x > 0 else 'to the left'}"
        vertical = f"{format_percent(abs(y))} {'down' if y > 0 else 'up'}"
        lines.append(f"Median offset from the annotation: {horizontal}, {vertical}.")
    if result.rank_correlation is not None:
        lines.append(_describe_confidence(result))
    if result.visibility_auroc is not None:
        lines.append(_describe_visibility(result.visibility_auroc))
    if result.num_unmeasurable:
        lines.append(f"{result.num_unmeasurable} faces have no normalizing distance and are left out.")
    out.print("\n".join(lines), soft_wrap=True)


def _describe_visibility(auroc: VisibilityAuroc) -> str:
    """Describe how well the predicted visibility separates visible from hidden landmarks."""
    kinds = {
        f"{auroc.num_occluded} hidden by something": auroc.occluded,
        f"{auroc.num_self_occluded} hidden by the face itself": auroc.self_occluded,
    }
    known = ", ".join(f"{kind} {value:.3f}" for kind, value in kinds.items() if value is not None)
    return f"AUROC of the visibility, {auroc.num_visible} visible landmarks against: {known}."


def _describe_confidence(result: EvaluationResult) -> str:
    """Describe how well expected errors and score agree with the true errors."""
    sentences = []
    if result.rank_correlation is not None:
        values = {"landmarks": result.rank_correlation.points, "faces": result.rank_correlation.faces}
        known = ", ".join(f"{value:.2f} over {name}" for name, value in values.items() if value is not None)
        sentences.append(f"Rank correlation (Spearman) of expected and true errors: {known}.")
    if result.failures_in_uncertain_decile is not None:
        percent = f"{100 * result.failures_in_uncertain_decile:.0f} %"
        sentences.append(f"The 10 % of the faces with the largest expected error contain {percent} of the failures.")
    background = result.background_auroc
    if background is not None and background.auroc is not None:
        count = background.num_photo_backgrounds + background.num_synthetic_backgrounds
        sentences.append(f"AUROC of the score, faces against {count} backgrounds: {background.auroc:.3f}.")
    return " ".join(sentences)
