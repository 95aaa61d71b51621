"""Training in the background: `facelattice train` and `facelattice export` on the images that are done.

Each training is a round, with a folder for its recipe, its point scheme, the checkpoints and the log. The model of the
last round is beside these folders. A round that is stopped ends with the best weights so far.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from facelattice.annotate.project import Project
from facelattice.annotate.round_recipe import choose_val_fraction, count_repeats, recipe_text
from facelattice.annotate.shapes import write_scheme
from facelattice.atomic_files import write_file
from facelattice.exceptions import TrainingError
from facelattice.schemes import SCHEMES

MIN_FACES = 5
CROPS = 6000  # default number of crops of a round: two minutes on two processors from ibug68-fast
MIN_EPOCHS = 15
DEFAULT_BASE = "ibug68-fast"
STOP_TIMEOUT = 10.0  # seconds


@dataclass
class TrainingStatus:
    """The status of the training for the page.

    Attributes:
        state: "idle", "training", "exporting", "finished" or "failed".
        round: Number of the round, from 1; 0 before the first.
        num_faces: Number of training and validation faces of the round.
        epochs: Number of epochs of the round.
        val_nme: NME on the validation faces after each epoch, as a fraction.
        seconds: Duration of the round so far.
        stopped: Whether the user stopped the round.
        message: Error message of a failed round.
        recipe: The recipe as text.
        model: The model file of the last round that has one.
    """

    state: str = "idle"
    round: int = 0
    num_faces: int = 0
    epochs: int = 0
    val_nme: list[float] = field(default_factory=list)
    seconds: float = 0.0
    stopped: bool = False
    message: str = ""
    recipe: str = ""
    model: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether the round has not ended."""
        return self.state in ("training", "exporting")


class TrainingJob:
    """Trains on the images of a project that are done, one round at a time.

    Args:
        project: The project.
        base: Model that each round starts from: a bundled model or a model file.
        on_model: Called with the model file of each round, in a thread.
    """

    def __init__(self, project: Project, base: str, on_model: Callable[[Path], None]):
        self._project, self.base, self._on_model = project, base, on_model
        table = project.table
        self.folder = table.with_name(f"{table.stem}-training")
        self.model_path = self.folder / f"{table.stem}.onnx"
        self._lock = threading.Lock()
        self._status = TrainingStatus(model=str(self.model_path) if self.model_path.is_file() else None)
        self._out: Path | None = None
        self._started = 0.0
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def blocked_reason(self) -> str:
        """Return the reason why no round can start now, as a sentence; "" if one can."""
        if find_spec("torch") is None or find_spec("omegaconf") is None:
            return 'Training needs: pip install "facelattice[train]"'
        samples = self._project.done_samples()
        if len(samples) < MIN_FACES:
            return f"Training needs {MIN_FACES} faces in images that are done; there are {len(samples)}."
        if choose_val_fraction(samples) is None:
            return "All faces belong to one photo or person by the names of the images, so none is left to validate on."
        return ""

    def default_epochs(self) -> int:
        """Return the default number of epochs of a round, which is smaller for more faces."""
        num_faces = max(1, len(self._project.done_samples()))
        return max(MIN_EPOCHS, round(CROPS / (num_faces * count_repeats(num_faces))))

    def next_recipe(self) -> str:
        """Return the recipe of a round that would start now with `default_epochs`, if `blocked_reason` is empty."""
        return self._recipe_text(self._folder(self._next_round()), self.default_epochs())

    def start(self, epochs: int | None = None) -> None:
        """Start a round.

        Args:
            epochs: Number of epochs; None for `default_epochs`.

        Raises:
            TrainingError: If a round is running, or none can start.
            OSError: If the recipe cannot be written.
        """
        with self._lock:
            if self._status.is_running:
                raise TrainingError("training runs already")
            reason = self.blocked_reason()
            if reason:
                raise TrainingError(reason)
            epochs = epochs or self.default_epochs()
            number = self._next_round()
            out = self._folder(number)
            recipe = self._write_recipe(out, epochs)
            samples = self._project.done_samples()
            self._out, self._started = out, time.monotonic()
            self._status = TrainingStatus(
                "training", number, len(samples), epochs, recipe=recipe, model=self._status.model
            )
            self._thread = threading.Thread(target=self._run, args=(out,), daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the training of the round. The best weights so far become its model."""
        with self._lock:
            if self._status.state == "training":
                self._status.stopped = True
                self._end_child()

    def status(self) -> TrainingStatus:
        """Return the current status."""
        with self._lock:
            if self._status.state == "training" and self._out is not None:
                self._status.val_nme = read_val_nme(self._out / "log.csv")
                self._status.seconds = time.monotonic() - self._started
            return replace(self._status, val_nme=list(self._status.val_nme))

    def close(self) -> None:
        """End the training at once; the round has no model then."""
        with self._lock:
            self._closed = True
            self._end_child()
        if self._thread is not None:
            self._thread.join()

    def _folder(self, number: int) -> Path:
        """Return the folder of a round."""
        return self.folder / f"round-{number}"

    def _next_round(self) -> int:
        """Return the number of the next round."""
        number = 1
        while self._folder(number).exists():
            number += 1
        return number

    def _recipe_text(self, out: Path, epochs: int) -> str:
        """Return the recipe of a round in the folder ``out``."""
        project = self._project
        return recipe_text(out, project.table, project.scheme, self.base, epochs, project.done_samples())

    def _write_recipe(self, out: Path, epochs: int) -> str:
        """Write the recipe and the scheme of a round, and return the recipe."""
        scheme = self._project.scheme
        if scheme.name not in SCHEMES:
            write_scheme(out / "scheme.yaml", scheme)
        recipe = self._recipe_text(out, epochs)
        write_file(out / "my-recipe.yaml", recipe)
        return recipe

    def _run(self, out: Path) -> None:
        """Train and export, in a thread."""
        best, log = out / "best.pt", out / "output.txt"
        with open(log, "wb") as output:
            code = self._run_child(["train", str(out / "my-recipe.yaml"), "--out", str(out)], output)
            stopped = self._status.stopped
            if stopped and not best.is_file():
                self._finish("idle")
                return
            if code and not stopped:
                self._finish("failed", _reason(code, log))
                return
            self._finish("exporting")
            code = self._run_child(["export", str(best), "--out", str(self.model_path)], output)
        if not code:
            self._on_model(self.model_path)
            with self._lock:
                self._status.model = str(self.model_path)
        self._finish("failed" if code else "finished", _reason(code, log) if code else "")

    def _finish(self, state: str, message: str = "") -> None:
        """Change the state at the end of a stage of the round."""
        with self._lock:
            assert self._out is not None
            self._status.state, self._status.message = state, message
            self._status.val_nme = read_val_nme(self._out / "log.csv")
            self._status.seconds = time.monotonic() - self._started

    def _run_child(self, arguments: list[str], output: IO[bytes]) -> int:
        """Run a command of facelattice, and return its exit code."""
        command = [sys.executable, "-m", "facelattice.annotate.child", *arguments]
        with self._lock:
            if self._closed:
                return 1
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output)
            if self._status.stopped and self._status.state == "training":  # before the process was started
                self._end_child()
        code = self._child.wait()
        assert self._child.stdin is not None
        self._child.stdin.close()
        return code

    def _end_child(self) -> None:
        child = self._child
        if child is None or child.poll() is not None:
            return
        child.terminate()
        timer = threading.Timer(STOP_TIMEOUT, child.kill)  # does nothing to a child that has ended
        timer.daemon = True
        timer.start()


def read_val_nme(log: Path) -> list[float]:
    """Return the validation NME of each epoch in the log of a run; empty if there is none yet."""
    try:
        with open(log, encoding="utf-8", newline="") as file:
            return [float(row["val_nme"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError):
        return []


def _reason(code: int, log: Path) -> str:
    """Return the reason for the failure of a command: the last line that it printed."""
    if code < 0:
        return f"the process was ended by signal {-code}; is there enough memory?"
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "the process ended without a message")
