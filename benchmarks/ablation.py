"""The rows of an ablation, as a table and a JSON file.

    facelattice ablate recipes/ablation-heads.yaml data_root=DATA --jobs 2
    python benchmarks/ablation.py recipes/ablation-heads.yaml --json benchmarks/results

`--row` selects rows; all are compared with the first of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from result import add_json_option, run, write_result

from facelattice.evaluation.ablation.plan import load_plan
from facelattice.evaluation.ablation.table import summarize, to_markdown
from facelattice.exceptions import DataError, RecipeError


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ablation", type=Path, help="the ablation file")
    parser.add_argument("--runs", type=Path, help="the folder of its runs (default: runs/ABLATION)")
    parser.add_argument("--row", action="append", help="use only this row; may be repeated")
    parser.add_argument("--name", help="name of the result (default: that of the ablation file)")
    add_json_option(parser)
    options = parser.parse_args()
    results = load_results(options.ablation, options.runs or Path("runs", options.ablation.stem), options.row)
    rows = summarize(results)
    print(to_markdown(rows), end="")
    write_result(
        options.json,
        (options.name or options.ablation.stem).replace("-", "_"),
        [{**asdict(row), "differences": {k: d and d._asdict() for k, d in row.differences.items()}} for row in rows],
        ", ".join(f"{measure}: {len(nme)} faces" for measure, nme in results[0]["nme"].items()),
        "annotation",
        trained_at=sorted({commit for result in results if (commit := result.get("commit"))}),
        minutes=round(sum(result["minutes"] for result in results)),
    )


def load_results(ablation: Path, runs: Path, rows: list[str] | None) -> list[dict[str, Any]]:
    """Return the contents of result.json of the finished runs of some rows, in the order of the ablation file.

    Raises:
        RecipeError: If the ablation file is wrong, or has no such row.
        DataError: If no run of the first row is finished, or the runs were measured on different faces.
        OSError: If a file cannot be read.
    """
    plan = load_plan(ablation, [], runs)
    names = dict.fromkeys(run.row for run in plan)
    if unknown := set(rows or ()) - set(names):
        raise RecipeError(f"{ablation}: no row is named {', '.join(sorted(unknown))}; the rows are {'; '.join(names)}")
    plan = sorted((run for run in plan if rows is None or run.row in rows), key=lambda run: [*names].index(run.row))
    finished = [path for run in plan if (path := run.folder / "result.json").exists()]
    if len(finished) < len(plan):
        print(f"{len(finished)} of {len(plan)} runs are finished", file=sys.stderr)
    results: list[dict[str, Any]] = [json.loads(path.read_text(encoding="utf-8")) for path in finished]
    if not results or results[0]["row"] != plan[0].row:
        raise DataError(f"{runs}: no run of the row {plan[0].row!r}, with which the others are compared, is finished")
    if any(result["faces"] != results[0]["faces"] for result in results):
        raise DataError(f"{runs}: the runs were measured on different faces; start facelattice ablate again")
    return results


if __name__ == "__main__":
    run(main)
