"""The table of an ablation: the mean NME of each row, and its difference from the first row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facelattice.evaluation.ablation.plan import OCCLUDED, VALIDATION
from facelattice.evaluation.bootstrap import Difference, paired_bootstrap
from facelattice.metrics import nanmean

COMPARED = (VALIDATION, OCCLUDED)


@dataclass(frozen=True)
class RowSummary:
    """All runs of a row. All errors are in per cent.

    Attributes:
        row: Name of the row.
        num_parameters: Parameters of the network.
        nme: For each measure the mean NME over the faces, one value for each seed.
        differences: For each measure in ``COMPARED`` the difference from the first row, with the 95 % interval of the
            paired bootstrap over faces and seeds; None if the rows have no face in common. Empty for the first row.
    """

    row: str
    num_parameters: int
    nme: dict[str, list[float]]
    differences: dict[str, Difference | None]


def summarize(results: Sequence[dict[str, Any]]) -> list[RowSummary]:
    """Return a summary of each row.

    Args:
        results: Contents of result.json of the finished runs, a run of the first row first.
    """
    rows = {name: [r for r in results if r["row"] == name] for name in dict.fromkeys(r["row"] for r in results)}
    first = next(iter(rows.values()), [])
    summaries = []
    for name, runs in rows.items():
        means = [mean_nme(run) for run in runs]
        measures = dict.fromkeys(measure for mean in means for measure in mean)
        nme = {measure: [mean[measure] for mean in means if measure in mean] for measure in measures}
        compared = {} if runs is first else {measure: _difference(runs, first, measure) for measure in COMPARED}
        summaries.append(RowSummary(name, runs[0]["num_parameters"], nme, compared))
    return summaries


def to_markdown(rows: Sequence[RowSummary]) -> str:
    """Return a Markdown table with a line for each row.

    Each figure is the mean and standard deviation over the seeds, in per cent. In the last columns, a tie means that
    the interval of the difference contains 0.
    """
    if not rows:
        return "no run is finished yet\n"
    measures = list(dict.fromkeys(name for row in rows for name in row.nme))
    differences = [f"{name}: difference" for name in COMPARED]
    lines = [
        f"| {' | '.join(['row', 'seeds', *measures, 'parameters', *differences])} |",
        f"|---|---|{'---|' * (len(measures) + 1 + len(COMPARED))}",
    ]
    for row in rows:
        figures = [mean_and_std(row.nme.get(name, [])) for name in measures]
        num_seeds = str(len(next(iter(row.nme.values()))))
        size = f"{row.num_parameters / 1e6:.2f} M"
        compared = [_describe(row.differences[name]) if row.differences else "" for name in COMPARED]
        lines.append(f"| {' | '.join([row.row, num_seeds, *figures, size, *compared])} |")
    return "\n".join(lines) + "\n"


def mean_nme(result: dict[str, Any]) -> dict[str, float]:
    """Return the mean NME over the faces for each measure of a run, per cent."""
    return {name: float(100 * nanmean(np.array(values, float), 0)) for name, values in result["nme"].items()}


def mean_and_std(values: list[float]) -> str:
    """Format the mean and standard deviation over the seeds of a row; "" if there are none."""
    if not values:
        return ""
    return f"{np.mean(values):.2f}" + (f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else "")


def _difference(row: list[dict[str, Any]], first: list[dict[str, Any]], measure: str) -> Difference | None:
    a, b = (100 * np.array([result["nme"][measure] for result in results], float) for results in (row, first))
    faces = np.isfinite(a).all(0) & np.isfinite(b).all(0)
    return paired_bootstrap(a[:, faces], b[:, faces]) if faces.any() else None


def _describe(difference: Difference | None) -> str:
    if difference is None:
        return "no face to compare"
    return f"{difference.mean:+.2f} ({difference.low:+.2f} to {difference.high:+.2f}) {difference.verdict()}"
