"""A training run: from a recipe to checkpoints, CSV log, images and TensorBoard.

Example:
    best = train("recipes/ibug68.yaml", ["epochs=10"], out=Path("runs/ibug68"))
"""

from __future__ import annotations

from pathlib import Path

import cv2
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, set_seed

from facelattice.datasets.pair_check import describe_pairs, find_problems
from facelattice.exceptions import TrainingError
from facelattice.messages import shell_command
from facelattice.terminal import make_console, one_line
from facelattice.training.config import Recipe
from facelattice.training.prepare import load_training_data
from facelattice.training.recipe_file import load_recipe
from facelattice.training.resume import checkpoint_to_resume, explain_missing_checkpoint
from facelattice.training.trainer import Trainer
from facelattice.training.uncertainty import calibrate_checkpoint

# Runs with fewer steps or a larger error get a warning; docs/your-own-data.md has the measurements.
MIN_STEPS = 100
MAX_USEFUL_NME = 0.2


def train(recipe_path: str | Path, overrides: list[str], out: Path, resume: bool = False) -> Path:
    """Train a recipe.

    Args:
        recipe_path: The recipe, a YAML file.
        overrides: Changes of the recipe, each ``key=value``.
        out: Folder for best.pt, last.pt, log.csv, recipe.yaml, train_batch.png, val_predictions.png, results.png and
            tensorboard/.
        resume: Continue from ``out``/last.pt, if it exists.

    Returns:
        The path of the best checkpoint.

    Raises:
        RecipeError: If the recipe is wrong.
        DataError: If the data cannot be read.
        CheckpointError: If a checkpoint cannot be used.
        ModelError: If the model file to start from cannot be used.
        TrainingError: If training cannot start or continue.
    """
    trainer = prepare_run(recipe_path, overrides, out, resume)
    trainer.fit()
    best, console = out / "best.pt", trainer.console
    if trainer.accelerator.is_main_process:
        console.print("calibrating the expected errors")
        calibrate_checkpoint(best, trainer.data)
        row = min(trainer.history, key=lambda row: row["val_nme"])
        console.print(
            one_line(f"best: epoch {row['epoch']:.0f}, NME {100 * row['val_nme']:.2f} %, {best}"), soft_wrap=True
        )
        if row["val_nme"] > MAX_USEFUL_NME:
            console.print(one_line(_describe_failure(trainer, row["val_nme"]), style="yellow"), soft_wrap=True)
        else:
            for command in _next_commands(best):
                console.print(one_line(command), soft_wrap=True)
    trainer.accelerator.wait_for_everyone()
    return best


def prepare_run(recipe_path: str | Path, overrides: list[str], out: Path, resume: bool = False) -> Trainer:
    """Read the recipe and its data, print a summary of the data, and create the trainer. Nothing is written.

    Args:
        recipe_path: The recipe, a YAML file.
        overrides: Changes of the recipe, each ``key=value``.
        out: Folder of the run.
        resume: Continue from ``out``/last.pt, if it exists.

    Raises:
        The same as `train`.
    """
    last = out / "last.pt"
    recipe = load_recipe(recipe_path, overrides, last if resume and last.exists() else None)
    if last.exists() and not resume:
        raise TrainingError(f"{last} exists: continue with --resume, or choose another folder with --out")
    cv2.setNumThreads(0)  # the workers of the loader run in parallel; OpenCV's threads would compete with them
    accelerator = _make_accelerator(recipe)
    console = make_console(quiet=not accelerator.is_main_process)
    set_seed(recipe.seed)
    if resume and not last.exists():
        console.print(one_line(explain_missing_checkpoint(Path(recipe_path), out)), soft_wrap=True)
    data = load_training_data(recipe)
    faces = len(data.train_faces)
    console.print(f"{faces} training faces ({len(data.order)} crops per epoch), {len(data.val)} validation faces")
    console.print(one_line(describe_pairs(data.scheme, recipe.scheme), style="dim"), soft_wrap=True)
    for problem in find_problems(data.train_faces):
        console.print(one_line(problem, style="yellow"), soft_wrap=True)
    console.print(f"device: {accelerator.device.type}, processes: {accelerator.num_processes}")
    checkpoint = checkpoint_to_resume(last, recipe, data) if last.exists() else None
    trainer = Trainer(recipe, data, out, accelerator, console, checkpoint)
    if trainer.num_steps < MIN_STEPS:
        text = (
            f"{faces} training faces and batch_size {recipe.batch_size} make {trainer.num_steps} steps in all, too few "
            f"to learn; set repeat of the data, more epochs or a smaller batch_size, for at least {MIN_STEPS} steps"
        )
        console.print(one_line(text, style="yellow"), soft_wrap=True)
    return trainer


def _describe_failure(trainer: Trainer, val_nme: float) -> str:
    """Return advice on a model with a large error."""
    text = f"this model is not useful: its NME on the validation faces is {100 * val_nme:.0f} %. "
    if trainer.num_steps < MIN_STEPS:
        text += f"The run had {trainer.num_steps} steps; set repeat of the data, more epochs or a smaller batch_size. "
    elif trainer.recipe.init_from is None:
        text += "Start from a bundled model (init_from: ibug68-fast), or train more epochs. "
    else:
        text += "Train more epochs, or with more faces. "
    return f"{text}See whether the points are right in {trainer.out / 'train_batch.png'}"


def _next_commands(best: Path) -> list[str]:
    """Return the lines that name the next commands for a trained checkpoint."""
    model = f"{best.absolute().parent.name}.onnx"
    commands = [
        ("export", str(best), "-o", model), ("evaluate", model, "TEST_FACES"), ("align", "PHOTO", "--model", model),
    ]  # fmt: skip
    return ["next:", *(f"  {shell_command('facelattice', *words)}" for words in commands)]


def _make_accelerator(recipe: Recipe) -> Accelerator:
    """Create the accelerator for this machine's device and the processes that the launcher started."""
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)  # some timm backbones keep unused layers
    precision = "no" if recipe.precision == "fp32" else recipe.precision  # Accelerate's name for fp32
    # Without cpu=True, processes on a machine without a GPU would train independently.
    return Accelerator(cpu=not torch.accelerator.is_available(), mixed_precision=precision, kwargs_handlers=[unused])
