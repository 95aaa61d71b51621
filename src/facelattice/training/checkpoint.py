"""Checkpoints: everything a run needs to go on, or a model to be exported, in one file written atomically."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from facelattice.exceptions import CheckpointError
from facelattice.formats import atomic_write


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
