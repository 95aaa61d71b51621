"""Resuming a run: its last checkpoint, and the keys in which its recipe differs from the given one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

import facelattice
from facelattice.exceptions import CheckpointError, TrainingError
from facelattice.messages import shell_command
from facelattice.training.checkpoint import Checkpoint
from facelattice.training.config import Recipe, recipe_from_yaml
from facelattice.training.prepare import TrainingData
from facelattice.training.recipe_file import PATH_KEYS

MAX_LISTED = 8


def checkpoint_to_resume(last: Path, recipe: Recipe, data: TrainingData) -> Checkpoint:
    """Read the last checkpoint of a run.

    Args:
        last: The checkpoint, last.pt.
        recipe: The recipe to continue with. Its files may be in another folder than before.
        data: Its faces.

    Raises:
        CheckpointError: If the checkpoint cannot be used.
        TrainingError: If it has no state to resume from, or belongs to another recipe or to other faces.
    """
    checkpoint = Checkpoint.load(last)
    if checkpoint.weights is None or checkpoint.optimizer is None or checkpoint.history is None:
        raise TrainingError(
            f"{last} has no state to resume from; start from it with init_from={last} and another --out"
        )
    if different := recipe_differences(recipe, recipe_from_yaml(checkpoint.recipe)):
        listed = "; ".join(different[:MAX_LISTED]) + f"; {len(different) - MAX_LISTED} more" * (
            len(different) > MAX_LISTED
        )
        raise TrainingError(
            f"{last} belongs to another recipe: {listed}. To continue that one: {continue_command(last.parent)}; to "
            "start a run of this one, change --out"
        )
    if (counts := checkpoint.metadata["faces"]) != data.counts:  # it might train on its validation faces
        raise TrainingError(
            f"{last} belongs to {counts['train']} training and {counts['val']} validation faces, but now there are "
            f"{len(data.train)} and {len(data.val)}; change --out"
        )
    return checkpoint


def restore(part: nn.Module | torch.optim.Optimizer, state: dict[str, Any], last: Path) -> None:
    """Load the state of a network or an optimizer.

    Args:
        part: The network or optimizer, changed in place.
        state: Its state in the checkpoint.
        last: The checkpoint, for the error.

    Raises:
        CheckpointError: If the state does not fit.
    """
    try:
        part.load_state_dict(state)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{last}: does not fit the network and optimizer of facelattice {facelattice.__version__}; resume it with "
            f"the version that wrote it, or start from it with init_from={last} and another --out"
        ) from error


def explain_missing_checkpoint(recipe_path: Path, out: Path) -> str:
    """Return the message about --resume without a checkpoint. It names the run that wrote the recipe, if one did."""
    text = f"nothing to resume in {out}: training starts at epoch 1"
    other = recipe_path.parent
    is_of_run = recipe_path.name == "recipe.yaml" and (other / "last.pt").exists()
    return f"{text}; to continue the run in {other}: {continue_command(other)}" if is_of_run else text


def continue_command(out: Path) -> str:
    """Return the command that continues the run in a folder with the recipe that is stored there."""
    return shell_command("facelattice", "train", str(out / "recipe.yaml"), "--out", str(out), "--resume")


def recipe_differences(recipe: Recipe, other: Recipe) -> list[str]:
    """Return the keys in which two recipes differ, each with both values. Of paths, only the file names are compared.

    Args:
        recipe: The given recipe.
        other: The recipe of the checkpoint.
    """
    here, there = _flatten(asdict(recipe)), _flatten(asdict(other))
    return [
        f"{key} is {here.get(key, 'missing')}, there {there.get(key, 'missing')}"
        for key in {**here, **there}
        if _comparable(key, here.get(key)) != _comparable(key, there.get(key))
    ]


def _flatten(value: Any, key: str = "") -> dict[str, Any]:
    """Return values by their full key, such as ``optimizer.lr`` or ``data[0].path``."""
    if isinstance(value, dict):
        parts = {f"{key}.{name}" if key else name: item for name, item in value.items()}
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        parts = {f"{key}[{i}]": item for i, item in enumerate(value)}
    else:
        return {key: value}
    return {full: leaf for name, item in parts.items() for full, leaf in _flatten(item, name).items()}


def _comparable(key: str, value: Any) -> Any:
    if key == "data_root":  # it acts through the paths of the data
        return None
    return Path(value).name if key.rpartition(".")[2] in PATH_KEYS and value else value
