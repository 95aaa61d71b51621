"""Training: from a recipe to checkpoints and a model file.

A recipe (`config`) gives data, graph and network (`prepare`); `training_run` trains with the loop of `trainer`, which
writes checkpoints, and `onnx_export` writes the model file. `initialize` copies weights of other models, `uncertainty`
calibrates the expected errors, and `pseudo_labels` labels images without annotations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelattice.lazy import lazy_names

if TYPE_CHECKING:
    from facelattice.training.checkpoint import Checkpoint
    from facelattice.training.config import Recipe
    from facelattice.training.initialize import initialize_from
    from facelattice.training.onnx_export import export
    from facelattice.training.prepare import TrainingData, load_training_data
    from facelattice.training.pseudo_labels import label_images, relabel_samples
    from facelattice.training.recipe_file import load_recipe
    from facelattice.training.trainer import Trainer
    from facelattice.training.training_run import train
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "Checkpoint": "checkpoint",
            "Recipe": "config",
            "Trainer": "trainer",
            "TrainingData": "prepare",
            "export": "onnx_export",
            "initialize_from": "initialize",
            "label_images": "pseudo_labels",
            "load_recipe": "recipe_file",
            "load_training_data": "prepare",
            "relabel_samples": "pseudo_labels",
            "train": "training_run",
        },
    )

__all__ = [
    "Checkpoint",
    "Recipe",
    "Trainer",
    "TrainingData",
    "export",
    "initialize_from",
    "label_images",
    "load_recipe",
    "load_training_data",
    "relabel_samples",
    "train",
]
