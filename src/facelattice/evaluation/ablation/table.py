"""The table of an ablation: what was measured of each row, and how sure it is that it differs from the first.

text = to_markdown(results)            # what each cell has in its result.json, a cell of the first row first
"""

from __future__ import annotations

from typing import Any

import numpy as np

from facelattice.evaluation.bootstrap import bootstrap, verdict
from facelattice.evaluation.scores import nanmean

COMPARED = ("held-out", "hidden")  # what rows are compared by: plain faces, and the points under the patch


def to_markdown(results: list[dict[str, Any]]) -> str:
    """The table of what was measured, a line for each row: mean and standard deviation over seeds, in per cent.

    The comparison is with the first row, on held-out faces plain and under the patch: the difference of the NME, paired
    by face, with the interval that 95 % of 10000 resamples of the faces and of each row's seeds fall in. A tie is an
    interval that holds 0.
    """
    if not results:
        return "nothing is measured yet\n"
    rows = {name: [r for r in results if r["row"] == name] for name in dict.fromkeys(r["row"] for r in results)}
    first = next(iter(rows.values()))
    columns = list(dict.fromkeys(name for result in results for name in result["each"]))
    differences = [f"{name}: difference" for name in COMPARED]
    lines = [
        f"| {' | '.join(['row', 'seeds', *columns, 'parameters', *differences])} |",
        f"|---|---|{'---|' * (len(columns) + 1 + len(COMPARED))}",
    ]
    for row, of_row in rows.items():
        figures = [mean_errors(result) for result in of_row]
        shown = [mean_and_deviation([f[name] for f in figures if name in f]) for name in columns]
        size = f"{of_row[0]['parameters'] / 1e6:.2f} M"
        verdicts = ["" if of_row is first else _verdict(of_row, first, part) for part in COMPARED]
        lines.append(f"| {' | '.join([row, str(len(of_row)), *shown, size, *verdicts])} |")
    return "\n".join(lines) + "\n"


def mean_errors(result: dict[str, Any]) -> dict[str, float]:
    """The means over faces, per cent."""
    return {name: float(100 * nanmean(np.array(values, float), 0)) for name, values in result["each"].items()}


def mean_and_deviation(values: list[float]) -> str:
    """The figures of a row's cells in a few letters; "" where there are none."""
    if not values:
        return ""
    return f"{np.mean(values):.2f}" + (f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else "")


def _verdict(row: list[dict[str, Any]], first: list[dict[str, Any]], part: str) -> str:
    a, b = (100 * np.array([r["each"][part] for r in results], float) for results in (row, first))
    there = np.isfinite(a).all(0) & np.isfinite(b).all(0)
    if not there.any():
        return "no face to compare"
    difference, low, high = bootstrap(a[:, there], b[:, there])
    return f"{difference:+.2f} ({low:+.2f} to {high:+.2f}) {verdict(low, high)}"
