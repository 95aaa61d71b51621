"""Calibration at the end of training, when the points of the network no longer change.

During training the points keep changing. `calibrate_uncertainty` trains the uncertainty head again with
the final network, on augmented and on plain crops, so that the expected errors rank the true errors of validation faces
better. `fit_error_scale` corrects their mean on the validation faces.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from facelattice.datasets.face_crops import CropItem, FaceCrops
from facelattice.modeling.losses import expected_error_loss, uncertainty_targets
from facelattice.modeling.sdfl import SDFL
from facelattice.training.checkpoint import Checkpoint
from facelattice.training.config import Recipe, recipe_from_yaml
from facelattice.training.exported_network import ExportedNetwork
from facelattice.training.onnx_export import exported_network
from facelattice.training.prepare import TrainingData, make_crops
from facelattice.training.progress import track_progress
from facelattice.training.style_offsets import fit_style_offsets

MAX_FACES = 1500  # with 100 points and crops of 256 px, the inputs take 1 GB, and twice that for a moment
# With more background crops, hard faces get too large expected errors: 6.1 % for an NME of 4.8 % with a third of them.
MAX_BACKGROUNDS = 150
EPOCHS, BATCH_SIZE, LEARNING_RATE = 24, 32, 2e-3


def calibrate_checkpoint(path: Path, data: TrainingData) -> None:
    """Calibrate the expected errors and the annotation styles of a checkpoint. Its points stay as they are.

    Does nothing if the checkpoint is calibrated already.

    Args:
        path: The checkpoint.
        data: The faces of its recipe.
    """
    checkpoint = Checkpoint.load(path)
    if checkpoint.error_scale is not None:
        return
    recipe = recipe_from_yaml(checkpoint.recipe)
    outputs = exported_network(checkpoint, recipe)
    calibrate_uncertainty(outputs.network, data, recipe)
    replace(
        checkpoint,
        ema_weights=outputs.network.state_dict(),
        error_scale=fit_error_scale(outputs, make_crops(data.val, recipe)),
        style_offsets=fit_style_offsets(partial(_predict_points, outputs), data, recipe),
    ).save(path)


def calibrate_uncertainty(network: SDFL, data: TrainingData, recipe: Recipe) -> None:
    """Train the uncertainty head again, in place; the points stay as they are.

    Does nothing if all training faces have pseudo-labels.

    Args:
        network: The network in evaluation mode, on the CPU.
        data: The faces.
        recipe: The recipe.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    is_background = np.array([sample.is_background for sample in data.train])
    faces, backgrounds = (
        torch.from_numpy(np.flatnonzero(data.annotated & kind)) for kind in (~is_background, is_background)
    )
    if len(faces) == 0:
        return
    chosen = [
        index
        for indices, limit in ((faces, MAX_FACES), (backgrounds, MAX_BACKGROUNDS))
        for index in indices[torch.randperm(len(indices), generator=generator)[:limit]].tolist()
    ]
    crops = [make_crops(data.train, recipe, augmentation) for augmentation in (recipe.augmentation, None)]
    keys = [(each, (recipe.epochs, position, index)) for each in crops for position, index in enumerate(chosen)]
    parts = [
        _head_inputs(network, [each[key] for each, key in keys[start : start + BATCH_SIZE]], recipe)
        for start in track_progress(
            range(0, len(keys), BATCH_SIZE), "collecting inputs of the uncertainty head", "batches"
        )
    ]
    inputs, distance, known = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    head = network.uncertainty_head.train()
    optimizer = torch.optim.AdamW(head.parameters(), LEARNING_RATE, weight_decay=recipe.optimizer.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * len(parts))
    for _ in track_progress(range(EPOCHS), "calibrating the expected errors", "epochs of the uncertainty head"):
        for batch in torch.randperm(len(inputs), generator=generator).split(BATCH_SIZE):
            loss = expected_error_loss(head(inputs[batch].float()), distance[batch], known[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    head.eval()


@torch.inference_mode()
def fit_error_scale(outputs: ExportedNetwork, faces: FaceCrops) -> float:
    """Compute the factor that makes the mean expected error equal to the mean true error on validation faces.

    The expected errors are trained on training faces, where the true errors are smaller. Their ranking does not change.

    Args:
        outputs: The network to export, with an error scale of 1.
        faces: Crops of validation faces.

    Returns:
        The factor; 1 if no image can be read.
    """
    expected = true = 0.0
    for i in track_progress(range(len(faces)), "scaling the expected errors", "faces"):
        face = faces[0, i, i]
        if face["readable"]:
            points, expected_errors, *_ = outputs(face["crop"][None], torch.tensor([face["style"]]))
            mask = face["mask"]
            expected += expected_errors[0][mask].sum().item()
            true += (points[0] - face["points"]).norm(dim=-1)[mask].sum().item()
    return true / expected if expected > 0 else 1.0


@torch.inference_mode()
def _predict_points(outputs: ExportedNetwork, face: CropItem) -> np.ndarray:
    """Return the points (N, 2) of a crop in the annotation style of its face, in pixels of the crop."""
    return outputs(face["crop"][None], torch.tensor([face["style"]]))[0][0].numpy()


@torch.no_grad()
def _head_inputs(network: SDFL, items: list[CropItem], recipe: Recipe) -> tuple[Tensor, Tensor, Tensor]:
    """Return the inputs of the uncertainty head for some crops, float16 (B, N, in_dim), and its targets."""
    batch: dict[str, Tensor] = default_collate(items)
    inputs: list[Tensor] = []
    hook = network.uncertainty_head.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    points = network(batch["crop"], batch["style"]).points
    hook.remove()
    batch["annotated"] = torch.ones(len(items), dtype=torch.bool)
    return inputs[0].half(), *uncertainty_targets(points, batch, recipe.network.crop_size, recipe.crop_margin)
