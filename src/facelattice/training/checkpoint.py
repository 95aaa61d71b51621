"""Checkpoints: everything a run needs to go on, or a model to be exported, in one file written atomically."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from torch import nn

from facelattice.formats import atomic_write


class CheckpointError(ValueError):
    """A checkpoint that cannot be used, and why."""


def save(state: dict[str, Any], path: Path) -> None:
    """Write tensors and plain values. The former file stays whole until the new one is complete."""
    data = io.BytesIO()  # of a full disk torch would say what only torch understands
    torch.save(state, data)
    with atomic_write(path, "wb") as file:
        file.write(data.getbuffer())


def load(path: Path) -> dict[str, Any]:
    """What `save` wrote, on the CPU. Raises CheckpointError where there is none or it is damaged."""
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such checkpoint")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # what unpickling raises depends on where the damage is
        raise CheckpointError(f"{path}: not a checkpoint of facelattice, or damaged") from error
    if not isinstance(state, dict) or "recipe" not in state:
        raise CheckpointError(f"{path}: not a checkpoint of facelattice")
    return state


def start_from(path: Path, network: nn.Module) -> int:
    """Give a network those averaged weights of another run's checkpoint that fit it by name and shape; returns how
    many of its tensors that are.

    Where the runs differ in their points only, that is all but the layers with as many outputs as there are points.
    Raises CheckpointError where the backbone is another one.
    """
    own = network.state_dict()
    given = {name: tensor for name, tensor in load(path)["ema"].items() if name in own}
    fitting = {name: tensor for name, tensor in given.items() if tensor.shape == own[name].shape}
    missing = [name for name in own if name.startswith("backbone.") and name not in fitting]
    if missing:
        raise CheckpointError(f"{path}: it has another backbone than this recipe ({missing[0]} does not fit)")
    network.load_state_dict(fitting, strict=False)
    return len(fitting)
