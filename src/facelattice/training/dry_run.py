"""A check of a run before it starts: recipe, data, network, and a few steps that are timed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from facelattice.exceptions import ImageError, TrainingError
from facelattice.image_io import image_size
from facelattice.terminal import format_duration, one_line
from facelattice.training.trainer import Trainer
from facelattice.training.training_run import prepare_run

NUM_TIMED_STEPS = 4
MAX_SECONDS = 30.0  # of the timed steps
MAX_LISTED = 5


def check_run(recipe_path: str | Path, overrides: list[str], out: Path, resume: bool = False) -> None:
    """Read the recipe and all data, take a few steps, and print what training would do. Nothing is written.

    Of the images, only the sizes are read.

    Args:
        recipe_path: The recipe, a YAML file.
        overrides: Changes of the recipe, each ``key=value``.
        out: Folder that training would write to.
        resume: Check the continuation of the run in ``out``, if it exists.

    Raises:
        The same as `train`, and TrainingError if no image can be read or a gradient is not finite.
    """
    trainer = prepare_run(recipe_path, overrides, out, resume)
    console, recipe, steps = trainer.console, trainer.recipe, len(trainer.batches)
    _check_images(trainer)
    num_parameters = sum(parameter.numel() for parameter in trainer.network.parameters())
    size = recipe.network.crop_size
    text = f"scheme {trainer.data.scheme.name}, {len(trainer.data.scheme)} points; {num_parameters:,} parameters"
    console.print(one_line(f"{text}; crops of {size} x {size} px"), soft_wrap=True)
    first = f", {trainer.first_epoch} epochs of them are done" if trainer.first_epoch else ""
    console.print(f"{steps} steps per epoch, {trainer.num_steps} in {recipe.epochs} epochs{first}")
    num_left = (recipe.epochs - trainer.first_epoch) * steps
    if not num_left:
        console.print(one_line(f"the run in {out} is finished; nothing was written"), soft_wrap=True)
        return
    loss, seconds = _take_steps(trainer)
    console.print(f"a step works: loss {loss:.2f}, finite gradients; {format_seconds(seconds)} per step")
    verb = f"continue the run in {out} at epoch {trainer.first_epoch + 1}" if trainer.first_epoch else f"write {out}"
    duration = format_duration(num_left * seconds)
    line = f"nothing was written; training would {verb}, and take about {duration} and the time of the validation"
    console.print(one_line(line), soft_wrap=True)


def format_seconds(seconds: float) -> str:
    """Return the duration of a step, such as "1.3 s" or "40 ms"."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def _check_images(trainer: Trainer) -> None:
    """Report the images that cannot be read."""
    for name, samples in (("training", trainer.data.train), ("validation", trainer.data.val)):
        paths = sorted({sample.path for sample in samples})
        errors = list(_find_errors(paths))
        if len(errors) == len(paths):
            raise TrainingError(f"none of the {name} images can be read; the first: {errors[0]}")
        for error in errors[:MAX_LISTED]:
            trainer.console.print(one_line(f"would be left out: {error}", style="yellow"), soft_wrap=True)
        if len(errors) > MAX_LISTED:
            trainer.console.print(f"and {len(errors) - MAX_LISTED} more {name} images", style="yellow")


def _find_errors(paths: Iterable[Path]) -> Iterable[str]:
    for path in paths:
        try:
            image_size(path)
        except ImageError as error:
            yield str(error)


def _take_steps(trainer: Trainer) -> tuple[float, float]:
    """Take a step to check it, and a few more to time them.

    Returns:
        The loss of the first step, and the mean seconds of the others.
    """
    loss, times = 0.0, [time.monotonic()]
    while len(times) <= NUM_TIMED_STEPS + 1 and (len(times) < 3 or times[-1] - times[1] < MAX_SECONDS):
        for losses in trainer.train_epoch(trainer.first_epoch):  # an epoch may have a single step
            times.append(time.monotonic())
            if len(times) == 2:
                loss = sum(losses.values())
                gradients = [p.grad for p in trainer.network.parameters() if p.grad is not None]
                if not all(gradient.isfinite().all() for gradient in gradients):
                    raise TrainingError("the gradients of the first step are not finite; try precision=fp32")
            if len(times) > NUM_TIMED_STEPS + 1 or (len(times) >= 3 and times[-1] - times[1] >= MAX_SECONDS):
                break
    return loss, (times[-1] - times[1]) / (len(times) - 2)
