"""Checkpoints: one file with everything to resume a run or to export a model."""

from __future__ import annotations

import io
import json
import reprlib
import warnings
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facelattice.atomic_files import write_file
from facelattice.exceptions import CheckpointError
from facelattice.schemes import Scheme
from facelattice.training.config import recipe_from_yaml

METADATA_TYPES = {
    "scheme": dict, "graph": Tensor, "graph_metadata": dict, "detectors": dict, "data": list, "license": str,
    "faces": dict,
}  # fmt: skip


@dataclass
class Checkpoint:
    """The state of a run after an epoch.

    Attributes:
        recipe: The recipe as YAML, with every value.
        metadata: Metadata of the model file, see `prepare.checkpoint_metadata`.
        ema_weights: Averaged weights by name, which are validated and exported.
        epoch: Number of trained epochs.
        val_nme: NME of the averaged weights on the validation faces.
        error_scale: Factor of the expected errors, see `uncertainty.fit_error_scale`; None until training has ended.
        style_offsets: Offsets of the annotation styles, see `style_offsets.fit_style_offsets`; None until training has
            ended.
        weights: Weights by name, to resume the run; None in best.pt.
        optimizer: State of the optimizer; None in best.pt.
        history: One row of the log per epoch; None in best.pt.
    """

    recipe: str
    metadata: dict[str, Any]
    ema_weights: dict[str, Tensor]
    epoch: int
    val_nme: float
    error_scale: float | None = None
    style_offsets: dict[str, list[float]] | None = None
    weights: dict[str, Tensor] | None = None
    optimizer: dict[str, Any] | None = None
    history: list[dict[str, float]] | None = None

    def save(self, path: Path) -> None:
        """Write the checkpoint. An earlier file is replaced only when the new one is complete."""
        data = io.BytesIO()  # torch's own message about a full disk does not mention the disk
        torch.save({field.name: getattr(self, field.name) for field in fields(self)}, data)
        write_file(path, data.getbuffer())

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a checkpoint, on the CPU.

        Raises:
            CheckpointError: If the file does not exist, is damaged, or is not from facelattice.
        """
        if not path.is_file():
            raise CheckpointError(f"{path}: no such checkpoint")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch warns of damaged files
                state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # the exception of unpickling depends on the damage
            if isinstance(error, OSError) and error.filename is not None:  # the file cannot be opened
                raise
            raise CheckpointError(f"{path}: not a checkpoint of facelattice, or damaged") from error
        types = {"recipe": str, "metadata": dict, "ema_weights": dict, "epoch": int, "val_nme": float}
        if not isinstance(state, dict) or not all(isinstance(state.get(key), kind) for key, kind in types.items()):
            raise CheckpointError(f"{path}: not a checkpoint of this version of facelattice")
        known: dict[str, Any] = {field.name: state.get(field.name) for field in fields(cls)}
        checkpoint = cls(**known)
        try:
            _check_contents(checkpoint)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path}: not a checkpoint of this version of facelattice: {error}") from error
        return checkpoint


def _check_contents(checkpoint: Checkpoint) -> None:
    """Raise ValueError or TypeError if a part that export or resuming needs is missing or damaged."""
    recipe_from_yaml(checkpoint.recipe)
    metadata = checkpoint.metadata
    for key, kind in METADATA_TYPES.items():
        if not isinstance(metadata.get(key), kind):
            raise ValueError(f"metadata.{key} is {reprlib.repr(metadata.get(key))}")
    num_points = len(Scheme.from_dict(metadata["scheme"]))
    graph = metadata["graph"]
    if graph.dtype != torch.bool or graph.shape != (num_points, num_points):
        raise ValueError(f"metadata.graph is not a matrix of {num_points} x {num_points} booleans")
    json.dumps({key: value for key, value in metadata.items() if key != "graph"})  # raises for values of other types
    for weights in (checkpoint.ema_weights, {} if checkpoint.weights is None else checkpoint.weights):
        if not isinstance(weights, dict) or not all(
            isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in weights.items()
        ):
            raise ValueError("the weights are not tensors with names")
    if not all(isinstance(row["val_nme"], float) for row in checkpoint.history or []):
        raise ValueError("val_nme in history is not a number")
    if not isinstance(checkpoint.error_scale, float | None):
        raise ValueError(f"error_scale is {checkpoint.error_scale!r}")
    if not isinstance(checkpoint.style_offsets, dict | None):
        raise ValueError(f"style_offsets is {checkpoint.style_offsets!r}")
