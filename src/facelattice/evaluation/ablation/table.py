"""The table of an ablation: the mean NME of each row, and its difference from the first row."""

from __future__ import annotations

from typing import Any

import numpy as np

from facelattice.evaluation.ablation.plan import OCCLUDED, VALIDATION
from facelattice.evaluation.bootstrap import paired_bootstrap
from facelattice.metrics import nanmean

COMPARED = (VALIDATION, OCCLUDED)


def to_markdown(results: list[dict[str, Any]]) -> str:
    """Return a Markdown table with a line for each row.

    Each figure is the mean and standard deviation over the seeds, in per cent. The last columns are the difference from
    the first row on the validation faces, plain and under the patch, with the 95 % interval of the paired bootstrap
    over faces and seeds; a tie means that the interval contains 0.

    Args:
        results: Contents of result.json of the finished runs, a run of the first row first.
    """
    if not results:
        return "no run is finished yet\n"
    rows = {name: [r for r in results if r["row"] == name] for name in dict.fromkeys(r["row"] for r in results)}
    first = next(iter(rows.values()))
    measures = list(dict.fromkeys(name for result in results for name in result["nme"]))
    differences = [f"{name}: difference" for name in COMPARED]
    lines = [
        f"| {' | '.join(['row', 'seeds', *measures, 'parameters', *differences])} |",
        f"|---|---|{'---|' * (len(measures) + 1 + len(COMPARED))}",
    ]
    for row, row_results in rows.items():
        means = [mean_nme(result) for result in row_results]
        figures = [mean_and_std([mean[name] for mean in means if name in mean]) for name in measures]
        size = f"{row_results[0]['num_parameters'] / 1e6:.2f} M"
        compared = ["" if row_results is first else _difference(row_results, first, measure) for measure in COMPARED]
        lines.append(f"| {' | '.join([row, str(len(row_results)), *figures, size, *compared])} |")
    return "\n".join(lines) + "\n"


def mean_nme(result: dict[str, Any]) -> dict[str, float]:
    """Return the mean NME over the faces for each measure of a run, per cent."""
    return {name: float(100 * nanmean(np.array(values, float), 0)) for name, values in result["nme"].items()}


def mean_and_std(values: list[float]) -> str:
    """Format the mean and standard deviation over the seeds of a row; "" if there are none."""
    if not values:
        return ""
    return f"{np.mean(values):.2f}" + (f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else "")


def _difference(row: list[dict[str, Any]], first: list[dict[str, Any]], measure: str) -> str:
    a, b = (100 * np.array([result["nme"][measure] for result in results], float) for results in (row, first))
    faces = np.isfinite(a).all(0) & np.isfinite(b).all(0)
    if not faces.any():
        return "no face to compare"
    difference = paired_bootstrap(a[:, faces], b[:, faces])
    return f"{difference.mean:+.2f} ({difference.low:+.2f} to {difference.high:+.2f}) {difference.verdict()}"
