"""The rows of an ablation, as a table and a JSON file.

    facelattice ablate recipes/ablation-heads.yaml data_root=DATA --jobs 2
    python benchmarks/ablation.py recipes/ablation-heads.yaml --json benchmarks/results

`--row` selects rows; the others are compared with the first one.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from result import add_json_option, write_result

from facelattice.evaluation.ablation.plan import load_plan
from facelattice.evaluation.ablation.table import summarize, to_markdown
from facelattice.exceptions import FacelatticeError


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
        RecipeError: If the ablation file is wrong.
        OSError: If a file cannot be read.
    """
    plan = [run for run in load_plan(ablation, [], runs) if rows is None or run.row in rows]
    finished = [path for run in plan if (path := run.folder / "result.json").exists()]
    if not finished:
        sys.exit(f"error: {runs}: no run of these rows is finished")
    if len(finished) < len(plan):
        print(f"{len(finished)} of {len(plan)} runs are finished", file=sys.stderr)
    return [json.loads(path.read_text(encoding="utf-8")) for path in finished]


if __name__ == "__main__":
    try:
        main()
    except (FacelatticeError, OSError) as error:
        sys.exit(f"error: {error}")
