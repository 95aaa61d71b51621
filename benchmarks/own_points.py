"""How many faces and epochs do points of one's own need? Trains five points, and prints a Markdown table.

    python benchmarks/own_points.py DATA/300W/helen/trainset             # needs the extra train

The first runs have 30 faces, chosen at random, and are measured on 400 others: `repeat`, `epochs` and `batch_size`
make their steps. The last two have all faces; one of them starts from random weights. `ibug68-fast`, from which the
others start, has seen all of these faces with other points.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from result import add_json_option, run, write_result

from facelattice import get_scheme
from facelattice.datasets.readers.detect_layout import read_samples
from facelattice.datasets.sample import Sample, convert_samples
from facelattice.evaluation.evaluate import evaluate
from facelattice.formats.csv import write_csv
from facelattice.training.onnx_export import export
from facelattice.training.training_run import prepare_run, train

NUM_FEW, NUM_TEST = 30, 400
FEW: dict[str, Any] = {"batch_size": 8, "epochs": 10, "val_fraction": 0.2}  # as docs/your-own-data.md recommends


@dataclass(frozen=True)
class Run:
    """A training run.

    Attributes:
        recipe: Keys of the recipe; the others are the same for all runs.
        repeat: The number of times that an epoch uses each face.
        few: Whether it has 30 faces instead of all.
    """

    recipe: dict[str, Any] = field(default_factory=dict)
    repeat: int = 1
    few: bool = True


RUNS = {
    "30 faces, `batch_size: 32`, `epochs: 10`": Run(FEW | {"batch_size": 32}),
    "30 faces, `repeat: 4`, `epochs: 5`": Run(FEW | {"epochs": 5}, repeat=4),
    "30 faces, `repeat: 6`, `epochs: 10`": Run(FEW, repeat=6),
    "all faces, `epochs: 5`": Run({"epochs": 5, "optimizer": {"warmup_epochs": 0.2}}, few=False),
    "all faces, `epochs: 5`, random weights": Run(
        {
            "epochs": 5, "init_from": None,
            "network": {"pretrained": False, "max_stride": 16, "separable": True, "depth": 2},
        },
        few=False,
    ),
}  # fmt: skip


def main() -> None:
    """Train all runs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="annotated faces that have the points of the scheme five")
    add_json_option(parser)
    options = parser.parse_args()
    faces = convert_samples(read_samples(options.data), get_scheme("five"), None)
    shuffled = [faces[i] for i in np.random.default_rng(0).permutation(len(faces))]
    rows = []
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_table(folder / "few.csv", shuffled[:NUM_FEW])
        write_table(folder / "test.csv", shuffled[NUM_FEW : NUM_FEW + NUM_TEST])
        for i, (name, run) in enumerate(RUNS.items()):
            data = folder / "few.csv" if run.few else options.data.absolute()
            rows.append({"run": name} | measure(run, data, folder / "test.csv", folder / str(i)))
    print("| run | steps | validation NME | NME of others | CPU time |\n|" + 5 * "---|")
    for row in rows:
        others = "" if row["nme"] is None else f"{100 * row['nme']:.1f} %"
        print(
            f"| {row['run']} | {row['steps']} | {100 * row['val_nme']:.1f} % | {others} | {row['cpu_seconds']:.0f} s |"
        )
    description = f"{len(faces)} faces of {options.data.name}; {NUM_FEW} of them, and {NUM_TEST} others to measure"
    write_result(options.json, "own_points", rows, description, "annotation")


def write_table(path: Path, faces: list[Sample]) -> None:
    """Write faces as a table of points."""
    write_csv(path, [(str(face.path.absolute()), face.points, face.mask) for face in faces])


def measure(run: Run, data: Path, test: Path, out: Path) -> dict[str, Any]:
    """Train a run and return its steps, its best validation NME, its NME on other faces, and its CPU time."""
    recipe = {
        "scheme": "five", "data": [{"name": "faces", "path": str(data), "repeat": run.repeat}],
        "init_from": "ibug68-fast", "precision": "fp32", "num_workers": 0, **run.recipe,
    }  # fmt: skip
    out.mkdir()
    (out / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")  # JSON is YAML too
    steps = prepare_run(out / "recipe.yaml", [], out / "run").num_steps
    start = time.process_time()
    best = train(out / "recipe.yaml", [], out / "run")
    seconds = time.process_time() - start
    with open(out / "run" / "log.csv", encoding="utf-8") as file:
        val_nme = min(float(row["val_nme"]) for row in csv.DictReader(file))
    nme = None
    if run.few:
        export(best, out / "model.onnx")
        nme = evaluate(str(out / "model.onnx"), test).nme
    return {"steps": steps, "val_nme": val_nme, "nme": nme, "cpu_seconds": seconds}


if __name__ == "__main__":
    run(main)
