"""What each part of a recipe is worth: a grid of changes x seeds, trained and measured alike.

    ablate("recipes/ablation.yaml", ["data_root=../shared/data"], out=Path("runs/ablation"))

A cell is one training run: a row's changes with one seed. Cells are processes of their own, so that one that fails,
even killed for memory, is reported and passed over. What is finished stays finished: the same command goes on where it
was stopped, within a cell too. Every cell is measured after its last epoch (no epoch is chosen) on the held-out faces,
plain and with a patch, and on the test faces, which no choice may be made by.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import re
import sys
import time
import traceback
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import MISSING
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from facelattice.datasets.readers.detect_layout import read_samples_for
from facelattice.datasets.sample import Sample, convert_samples
from facelattice.evaluation.ablation.runner.table import COMPARED, mean_and_deviation, mean_errors, to_markdown
from facelattice.evaluation.provenance import data_digest
from facelattice.evaluation.robustness import Errors, measure
from facelattice.evaluation.robustness_curves import predictor
from facelattice.exceptions import RecipeError
from facelattice.formats import atomic_write
from facelattice.inference.parallel import exit_with_parent
from facelattice.schemes import get_scheme
from facelattice.training import checkpoint
from facelattice.training.config import Recipe, load_recipe, load_settings, recipe_from_yaml, recipe_to_yaml
from facelattice.training.onnx_export import load_network
from facelattice.training.prepare import load_training_data
from facelattice.training.trainer import train

HIDDEN = 0.3  # of the landmarks lie under the patch of another face that held-out faces are measured with
MEASURED = (*COMPARED, "visible", "positions", "hidden positions")  # of held-out faces


@dataclass
class TestFaces:
    """Faces that are reported beside the held-out ones; ``path`` is below the recipe's data_root."""

    name: str = MISSING
    path: str = MISSING
    subset: str | None = None


@dataclass
class Ablation:
    """base: the recipe, a file beside this one, that ``settings`` (KEY=VALUE) make small enough to train often. rows:
    the changes that each row makes to it, the first the one that all others are compared with."""

    base: str = MISSING
    settings: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    test: list[TestFaces] = field(default_factory=list)
    rows: dict[str, list[str]] = MISSING


@dataclass(frozen=True, eq=False)
class Cell:
    """One training run: a row with a seed. ``folder`` holds its checkpoints, and result.json when it is done."""

    row: str
    seed: int
    folder: Path
    recipe: Path
    overrides: list[str]
    test: list[TestFaces]

    def result(self, faces: dict[str, str]) -> dict[str, Any] | None:
        """What was measured on the ``faces`` (`_digests`); None where the cell is not done yet, was made by another
        recipe, or measured on other faces."""
        try:
            result = json.loads((self.folder / "result.json").read_text())
        except (OSError, ValueError):
            return None
        asked = {"recipe": recipe_to_yaml(load_recipe(self.recipe, self.overrides)), "faces": faces}
        return result if all(result.get(key) == value for key, value in asked.items()) else None

    def run(self) -> None:
        """Train and measure, and write result.json, or failure.txt with what went wrong."""
        try:
            (self.folder / "failure.txt").unlink(missing_ok=True)
            start = time.monotonic()
            train(self.recipe, self.overrides, self.folder, resume=True)
            result = _measured(self.folder / "last.pt", self.test)
            minutes = (time.monotonic() - start) / 60
            with suppress(OSError, ValueError, KeyError):  # what is measured again was not trained again
                minutes += json.loads((self.folder / "result.json").read_text())["minutes"]
            result |= {"row": self.row, "seed": self.seed, "minutes": minutes}
            with atomic_write(self.folder / "result.json") as file:
                json.dump(result, file)
        except Exception as error:
            with atomic_write(self.folder / "failure.txt") as file:
                file.write(f"{type(error).__name__}: {error}\n\n{traceback.format_exc()}")
            raise SystemExit(1) from None


def load_ablation(path: Path, overrides: list[str], out: Path) -> list[Cell]:
    """The cells of an ablation file, seed by seed. Raises RecipeError for what is wrong in it, or in any row."""
    plan: Ablation = load_settings(path, Ablation)
    recipe = path.parent / plan.base
    if not plan.rows or not plan.seeds:
        raise RecipeError(f"{path}: rows and seeds must name something to train")
    folders = {row: re.sub(r"[^a-z0-9]+", "-", row.lower()).strip("-") for row in plan.rows}
    if len(set(folders.values())) < len(folders):
        raise RecipeError(f"{path}: two rows have names that differ by signs only")
    names = ["row", "seed", "minutes", *MEASURED, *(test.name for test in plan.test)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RecipeError(f"{path}: {twice[0]!r} is a figure's name already; call those faces of test something else")
    cells = []
    held_out: dict[str, Any] = {}
    for seed in plan.seeds:  # seed by seed: an ablation that is stopped early still compares all its rows
        for row, changes in plan.rows.items():
            settings = [*plan.settings, *changes, *overrides, f"seed={seed}"]
            # A slip in the last row shows now, not after a night.
            held_out[row] = _held_out_by(load_recipe(recipe, settings))
            cells.append(Cell(row, seed, out / folders[row] / f"seed-{seed}", recipe, settings, plan.test))
    first = cells[0].row
    for row, held in held_out.items():
        if held != held_out[first]:
            raise RecipeError(
                f"{path}: the row {row!r} holds out other faces than {first!r}, so they cannot be compared face by "
                "face; change scheme, held_out, data_root and the data that validate for all rows, in settings"
            )
    return cells


def ablate(path: Path, overrides: list[str], out: Path, jobs: int = 1) -> list[Cell]:
    """Train and measure all cells, write out/ablation.csv and out/ablation.md, and return the cells that failed.

    jobs: cells at a time, each with its share of the processors.
    """
    cells = load_ablation(path, overrides, out)
    recipe = load_recipe(cells[0].recipe, cells[0].overrides)
    faces = _digests(_faces(recipe, cells[0].test))  # what cannot be read shows now, not after the first training
    results = {cell: result for cell in cells if (result := cell.result(faces))}
    waiting = [cell for cell in cells if cell not in results]
    running: dict[Cell, BaseProcess] = {}
    failed: list[Cell] = []
    # Each cell starts as a copy of a process that has imported everything but has done nothing yet.
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["facelattice.evaluation.ablation.runner"])
    start, before = time.monotonic(), len(results)
    _summarize(cells, results, out)
    with Live(console=Console(stderr=True), refresh_per_second=1, transient=True) as live:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    cell = waiting.pop(0)
                    running[cell] = context.Process(target=_run_quietly, args=(cell, jobs))
                    running[cell].start()
                time.sleep(1)
                for cell, process in [item for item in running.items() if not item[1].is_alive()]:
                    del running[cell]
                    result = cell.result(faces)
                    if result is None:
                        failed.append(cell)
                        live.console.print(Text(f"failed: {_why(cell, process)}", style="red"), soft_wrap=True)
                    else:
                        results[cell] = result
                    _summarize(cells, results, out)
                done = len(results) + len(failed) - before
                left = (time.monotonic() - start) / done * (len(waiting) + len(running)) if done else None
                live.update(_live_table(cells, results, running, failed, left))
        finally:
            for process in running.values():
                process.terminate()
    return failed


def _summarize(cells: list[Cell], by_cell: dict[Cell, dict[str, Any]], out: Path) -> None:
    """out/ablation.csv, a line for each cell that is done, and out/ablation.md, a line for each row."""
    results = [by_cell[cell] for cell in cells if cell in by_cell]  # not in the order in which they got done
    with atomic_write(out / "ablation.csv") as file:
        figures = [{"row": r["row"], "seed": r["seed"], **mean_errors(r), "minutes": r["minutes"]} for r in results]
        table = csv.DictWriter(file, list(dict.fromkeys(key for row in figures for key in row)) or ["row", "seed"])
        table.writeheader()
        table.writerows(figures)
    with atomic_write(out / "ablation.md") as file:
        file.write(to_markdown(results))


def _run_quietly(cell: Cell, jobs: int) -> None:
    """A cell in its own process, its share of the processors and its own log. It ends with the process that started it:
    one that went on after that was killed would train beside its own resumed run."""
    exit_with_parent()
    torch.set_num_threads(max(1, torch.get_num_threads() // jobs))
    cell.folder.mkdir(parents=True, exist_ok=True)
    with open(cell.folder / "output.txt", "a") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
        cell.run()


def _measured(last: Path, tests: list[TestFaces]) -> dict[str, Any]:
    """The errors of a checkpoint's averaged weights: NME of each held-out face and of each test face.

    "positions" are the points before the head, which only the located embedding has.
    """
    state = checkpoint.load(last)
    recipe: Recipe = recipe_from_yaml(state["recipe"])
    network = load_network(state, recipe)
    outputs = ("points", "anchors") if recipe.network.embedding == "located" else ("points",)
    faces = _faces(recipe, tests)
    held_out = faces["held-out"]

    def errors(samples: list[Sample], level: float = 0.0) -> list[Errors]:
        predicts = [predictor(network, output) for output in outputs]
        return measure(predicts, samples, recipe.size, recipe.margin, "patch: face", level)

    plain, patched = errors(held_out), errors(held_out, HIDDEN)
    result = {"held-out": plain[0].all, "hidden": patched[0].hidden, "visible": patched[0].visible}
    if len(plain) > 1:
        result |= {"positions": plain[1].all, "hidden positions": patched[1].hidden}
    for test in tests:
        result[test.name] = errors(faces[test.name])[0].all
    parameters = sum(p.numel() for p in network.parameters())
    return {
        "recipe": state["recipe"],
        "faces": _digests(faces),
        "parameters": parameters,
        "each": {name: [None if np.isnan(v) else float(v) for v in values] for name, values in result.items()},
    }


def _held_out_by(recipe: Recipe) -> Any:
    """All that decides which faces are held out."""
    sources = [(source.path, source.subset, source.scheme) for source in recipe.data if source.validate]
    return recipe.scheme, recipe.held_out, recipe.data_root, sources


def _faces(recipe: Recipe, tests: list[TestFaces]) -> dict[str, list[Sample]]:
    """The faces that are measured on, by name."""
    scheme, root = get_scheme(recipe.scheme), Path(recipe.data_root)
    read = {test.name: convert_samples(read_samples_for(scheme, root / test.path, test.subset), scheme, None) for test in tests}
    return {"held-out": load_training_data(recipe).held_out, **read}


def _digests(faces: dict[str, list[Sample]]) -> dict[str, str]:
    """What tells that they are the same faces still, by name."""
    return {name: data_digest(samples) for name, samples in faces.items()}


def _why(cell: Cell, process: BaseProcess) -> str:
    """One line about a cell that failed."""
    report = cell.folder / "failure.txt"
    try:
        reason = report.read_text().splitlines()[0]
    except (OSError, IndexError):
        # Where it ended well it has measured other faces than those that were there when it all began.
        reason = f"its process ended with {process.exitcode}" if process.exitcode else "the data changed; run it again"
    return f"{cell.row}, seed {cell.seed}: {reason} (see {cell.folder})"


def _live_table(
    cells: list[Cell], results: dict[Cell, dict[str, Any]], running: Collection[Cell], failed: list[Cell],
    left: float | None,
) -> Table:  # fmt: skip
    """A line for each row: how far its cells are, and what has been measured so far."""
    rest = "" if left is None else f", about {max(1, round(left / 60))} min left"
    title = f"{len(results)} of {len(cells)} cells done, {len(failed)} failed{rest}"
    table = Table("row", "cells", "held-out NME %", title=title, title_justify="left")
    for row in dict.fromkeys(cell.row for cell in cells):
        own = [cell for cell in cells if cell.row == row]
        signs = "".join(
            "✓" if c in results else "✗" if c in failed else "▶" if c in running else "·" for c in own
        )  # fmt: skip
        figures = [mean_errors(results[c])["held-out"] for c in own if c in results]
        table.add_row(Text(row), signs, mean_and_deviation(figures))
    return table
