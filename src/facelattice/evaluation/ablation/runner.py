"""Train and evaluate the runs of an ablation.

Example:
    ablate(Path("recipes/ablation.yaml"), ["data_root=DATA"], out=Path("runs/ablation"))

Every run is a process. A run that fails, even if it is killed for memory, is reported and skipped. The same command
resumes an ablation that was stopped; finished runs are kept. Every run is measured after its last epoch, not its best
one: on the validation faces, plain and under a patch, and on test faces.
"""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Collection
from contextlib import suppress
from io import TextIOWrapper
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
from rich.live import Live
from rich.table import Table

from facelattice.atomic_files import atomic_write, write_file
from facelattice.evaluation.ablation.measure import face_digests, load_faces, measure_checkpoint
from facelattice.evaluation.ablation.plan import VALIDATION, AblationRun, load_plan
from facelattice.evaluation.ablation.table import mean_and_std, mean_nme, summarize, to_markdown
from facelattice.evaluation.provenance import git_commit
from facelattice.image_formats import silence_pillow
from facelattice.inference.parallel import exit_with_parent
from facelattice.terminal import make_console, one_line
from facelattice.training.training_run import train

_POLL_SECONDS = 1.0


def ablate(path: Path, overrides: list[str], out: Path, jobs: int = 1) -> list[AblationRun]:
    """Train and evaluate all runs, and write out/ablation.csv and out/ablation.md.

    Args:
        path: The ablation file.
        overrides: Overrides (KEY=VALUE) of the recipe for all rows.
        out: Folder of the runs and tables.
        jobs: Number of runs at a time; each uses its share of the processors.

    Returns:
        The runs that failed.

    Raises:
        RecipeError: If the ablation file or a recipe is wrong.
        DataError: If the faces cannot be read.
    """
    runs = load_plan(path, overrides, out)
    digests = face_digests(load_faces(runs[0].load_recipe(), runs[0].test))  # fails before the first run
    results = {run: result for run in runs if (result := run.load_result(digests))}
    waiting = [run for run in runs if run not in results]
    running: dict[AblationRun, BaseProcess] = {}
    failed: list[AblationRun] = []
    # Runs are forked from a server process that has only imported this module.
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    start, num_resumed = time.monotonic(), len(results)
    _write_tables(runs, results, out)
    with Live(console=make_console(stderr=True), refresh_per_second=1, transient=True) as live:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    run = waiting.pop(0)
                    process = context.Process(target=_run_in_process, args=(run, jobs))
                    process.start()
                    running[run] = process
                time.sleep(_POLL_SECONDS)
                for run, process in [item for item in running.items() if not item[1].is_alive()]:
                    del running[run]
                    result = run.load_result(digests)
                    if result is None:
                        failed.append(run)
                        live.console.print(one_line(f"failed: {_failure(run, process)}", style="red"), soft_wrap=True)
                    else:
                        results[run] = result
                    _write_tables(runs, results, out)
                num_done = len(results) + len(failed) - num_resumed
                num_left = len(waiting) + len(running)
                seconds_left = (time.monotonic() - start) / num_done * num_left if num_done else None
                live.update(_progress_table(runs, results, running, failed, seconds_left))
        finally:
            for process in running.values():
                process.terminate()
    return failed


def train_and_measure(run: AblationRun) -> None:
    """Train a run, measure it, and write result.json. On an error, write failure.txt and exit with status 1."""
    try:
        (run.folder / "failure.txt").unlink(missing_ok=True)
        start = time.monotonic()
        train(run.recipe, run.overrides, run.folder, resume=True)
        result = measure_checkpoint(run.folder / "last.pt", run.test)
        minutes = (time.monotonic() - start) / 60
        with suppress(OSError, ValueError, KeyError):  # a trained run that is measured again keeps its training time
            minutes += json.loads((run.folder / "result.json").read_text(encoding="utf-8"))["minutes"]
        result |= {"row": run.row, "seed": run.seed, "minutes": minutes, "commit": git_commit()}
        write_file(run.folder / "result.json", json.dumps(result))
    except Exception as error:
        write_file(run.folder / "failure.txt", f"{type(error).__name__}: {error}\n\n{traceback.format_exc()}")
        raise SystemExit(1) from None


def _run_in_process(run: AblationRun, jobs: int) -> None:
    """Execute a run with its share of the processors and its own log.

    The process ends with its parent. Otherwise it would continue beside the same run of a resumed ablation.
    """
    exit_with_parent()
    silence_pillow()
    torch.set_num_threads(max(1, torch.get_num_threads() // jobs))
    run.folder.mkdir(parents=True, exist_ok=True)
    with open(run.folder / "output.txt", "a", encoding="utf-8") as log:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(log.fileno(), stream.fileno())
            if isinstance(stream, TextIOWrapper):  # the locale may have another encoding
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        train_and_measure(run)


def _write_tables(runs: list[AblationRun], by_run: dict[AblationRun, dict[str, Any]], out: Path) -> None:
    """Write ablation.csv with a line for each finished run, and ablation.md with a line for each row."""
    results = [by_run[run] for run in runs if run in by_run]  # in the order of the plan
    with atomic_write(out / "ablation.csv") as file:
        rows = [{"row": r["row"], "seed": r["seed"], **mean_nme(r), "minutes": r["minutes"]} for r in results]
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)) or ["row", "seed"])
        writer.writeheader()
        writer.writerows(rows)
    write_file(out / "ablation.md", to_markdown(summarize(results)))


def _failure(run: AblationRun, process: BaseProcess) -> str:
    """Describe a failed run in one line."""
    try:
        reason = (run.folder / "failure.txt").read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError):
        # If the process succeeded, its faces differ from those at the start of the ablation.
        reason = f"exit status {process.exitcode}" if process.exitcode else "the data changed; start the command again"
    return f"{run.row}, seed {run.seed}: {reason} (see {run.folder})"


def _progress_table(
    runs: list[AblationRun],
    results: dict[AblationRun, dict[str, Any]],
    running: Collection[AblationRun],
    failed: list[AblationRun],
    seconds_left: float | None,
) -> Table:
    """Return a table with the state of the runs of each row, and their validation NME so far."""
    left = "" if seconds_left is None else f", about {max(1, round(seconds_left / 60))} min left"
    title = f"{len(results)} of {len(runs)} runs finished, {len(failed)} failed{left}"
    table = Table("row", "runs", "validation NME, %", title=title, title_justify="left")
    for row in dict.fromkeys(run.row for run in runs):
        row_runs = [run for run in runs if run.row == row]
        states = ["✓" if r in results else "✗" if r in failed else "▶" if r in running else "·" for r in row_runs]
        nme = mean_and_std([mean_nme(results[r])[VALIDATION] for r in row_runs if r in results])
        table.add_row(one_line(row), "".join(states), nme)
    return table
