"""What expected errors are learned from, and learning them once more when the points no longer change.

calibrate_uncertainty(network, faces, recipe)      # in place; where it puts points stays as it is

During training they follow points that keep changing. With the final ones, on crops as in training and on those of the
boxes alone, they rank the true errors of held-out faces better (docs/experiments.md).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from facelattice.datasets.face_crops import FaceCrops, Item
from facelattice.modeling.losses import expected_error_loss
from facelattice.modeling.sdfl import SDFL
from facelattice.training.config import Recipe
from facelattice.training.prepare import TrainingData
from facelattice.training.progress import track_progress

NO_FACE_ERROR = 0.2  # of the face box: the distance that is taught where there is no face
FACES = 1500  # at most: with 100 points and crops of 256 px that is 1 GB of evidence, for a moment twice
EPOCHS, BATCH, RATE = 24, 32, 2e-3


def uncertainty_targets(points: Tensor, batch: dict[str, Tensor], recipe: Recipe) -> tuple[Tensor, Tensor]:
    """The distances (B, N) from predicted points that expected errors are learned from, crop pixels; and where there
    is one.

    A model is hardly ever far from points that it made itself: how far off it may be is learned from people's alone.
    """
    distance = (points - batch["points"]).norm(dim=-1)
    checked = batch["mask"] & batch["annotated"][:, None]
    nothing = batch["background"][:, None].expand_as(checked)
    distance = torch.where(nothing, NO_FACE_ERROR * recipe.size / recipe.margin, distance)
    return distance, checked | nothing


def calibrate_uncertainty(network: SDFL, faces: TrainingData, recipe: Recipe) -> None:
    """Change the expected errors of a network in evaluation mode on the CPU, with annotated training faces; where there
    are none they stay as they are."""
    generator = torch.Generator().manual_seed(recipe.seed)
    annotated = torch.from_numpy(np.flatnonzero(faces.annotated))
    chosen = annotated[torch.randperm(len(annotated), generator=generator)[:FACES]].tolist()
    if not chosen:
        return
    crops = [FaceCrops(faces.training, recipe.size, recipe.margin, augment) for augment in (recipe.augment, None)]
    keys = [(each, (recipe.epochs, place, index)) for each in crops for place, index in enumerate(chosen)]
    parts = [
        _evidence(network, [each[key] for each, key in keys[start : start + BATCH]], recipe)
        for start in track_progress(range(0, len(keys), BATCH), "looking at faces")
    ]
    evidence, distance, mask = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    head = network.errors.train()
    optimizer = torch.optim.AdamW(head.parameters(), RATE, weight_decay=recipe.optimizer.weight_decay)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * len(parts))
    for _ in track_progress(range(EPOCHS), "learning expected errors"):
        for some in torch.randperm(len(evidence), generator=generator).split(BATCH):
            loss = expected_error_loss(head(evidence[some].float()), distance[some], mask[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            slower.step()
    head.eval()


@torch.no_grad()
def _evidence(network: SDFL, items: list[Item], recipe: Recipe) -> tuple[Tensor, Tensor, Tensor]:
    """What the network's expected errors are made from for some crops, float16 (B, N, inputs), and `uncertainty_targets`."""
    batch: dict[str, Tensor] = default_collate(items)
    seen: list[Tensor] = []
    hook = network.errors.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    points = network(batch["crop"]).points
    hook.remove()
    return seen[0].half(), *uncertainty_targets(points, batch | {"annotated": torch.ones(len(items), dtype=torch.bool)}, recipe)
