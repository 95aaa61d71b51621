"""Accuracy of models on 300-W and WFLW with annotated and detected boxes, in one table.

    python benchmarks/accuracy.py DATA --json benchmarks/results

DATA contains 300W and WFLW. The measurement is that of `facelattice evaluate MODEL DATA/300W --box annotation`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from markdown_table import percent
from result import add_json_option, add_name_option, run, write_result

from facelattice.evaluation.evaluate import evaluate
from facelattice.inference.model_zoo import list_models

SETS = ("300W", "WFLW")
FACES = "300-W: the test faces, full = common + challenging. WFLW: a subset of 103 faces of the test list."
BOXES = "annotation: the tight box of the annotated landmarks. detector: the whole photo."


def main() -> None:
    """Measure all models and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that contains 300W and WFLW")
    parser.add_argument("--model", action="append", help="a bundled model or a model file; may be repeated")
    add_name_option(parser, "accuracy")
    add_json_option(parser)
    options = parser.parse_args()
    rows = []
    print("| model | faces | boxes | NME | FR | AUC | missed |\n|---|---|---|---|---|---|---|")
    for model in options.model or list_models():
        for name in SETS:
            for boxes in ("annotation", "detector"):
                for row in measure(model, options.data / name, boxes):
                    rows.append(row)
                    errors = (str(percent(row[key])) for key in ("nme", "failure_rate", "auc"))
                    faces = f"{row['data']} {row['subset']}, {row['num_faces']}"
                    print(f"| {model} | {faces} | {boxes} | {' | '.join(errors)} | {row['num_missed']} |", flush=True)
    write_result(options.json, options.name, rows, FACES, BOXES)


def measure(model: str, data: Path, boxes: str) -> list[dict[str, Any]]:
    """Return the rows of a model on a dataset: all evaluated faces, and the subsets."""
    result = evaluate(model, data, boxes)
    rows = [
        {
            "model": Path(model).stem, "data": data.name, "subset": subset, "boxes": boxes,
            "scheme": result.scores.scheme.name, "protocol": result.protocol.name,
            "threshold": result.protocol.threshold, "num_faces": row.num_faces, "num_missed": row.num_missed,
            "nme": row.nme, "failure_rate": row.failure_rate, "auc": row.auc, "expected_nme": row.expected_nme,
        }
        for subset, row in result.table.items()
    ]  # fmt: skip
    if result.rank_correlation is not None:
        rows[0]["rank_points"] = result.rank_correlation.points
        rows[0]["rank_faces"] = result.rank_correlation.faces
    rows[0]["failures_in_uncertain_decile"] = result.failures_in_uncertain_decile
    return rows


if __name__ == "__main__":
    run(main)
