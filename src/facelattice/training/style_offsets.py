"""Offsets of annotation styles, which a network cannot learn from mirrored faces.

The annotation of 300-W lies to the right of the predictions (docs/experiments.md). Half of the training crops are
mirrored, so the network learns the mean of such an offset and its mirror image, which is 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from facelattice.datasets.face_crops import CropItem
from facelattice.training.config import Recipe
from facelattice.training.prepare import TrainingData, make_crops
from facelattice.training.progress import track_progress

MAX_FACES = 300  # of each style; their median is exact to 0.1 % of the inter-ocular distance


def fit_style_offsets(
    predict: Callable[[CropItem], np.ndarray], data: TrainingData, recipe: Recipe
) -> dict[str, list[float]]:
    """Compute the median offset of the annotation from the predictions for each annotation style.

    Validation faces are used first, as the predictions fit training faces too well.

    Args:
        predict: Returns the points (N, 2) of a crop in the style of its face, in pixels of the crop.
        data: The faces. Those with pseudo-labels are left out.
        recipe: The recipe.

    Returns:
        For each style with annotated faces, the offset to the right and down, as a fraction of the crop's side.
    """
    annotated = [data.train[i] for i in np.flatnonzero(data.annotated) if not data.train[i].is_background]
    shuffled = [annotated[i] for i in np.random.default_rng(recipe.seed).permutation(len(annotated))]
    chosen = [
        sample
        for style in recipe.network.annotation_styles
        for sample in [each for each in data.val + shuffled if each.annotation_style == style][:MAX_FACES]
    ]
    crops = make_crops(chosen, recipe)
    offsets: dict[str, list[np.ndarray]] = {}
    for i in track_progress(range(len(chosen)), "measuring the offsets of annotation styles", "faces"):
        face = crops[0, i, i]
        mask = face["mask"].numpy()  # empty if the image cannot be read
        difference = (face["points"].numpy() - predict(face))[mask] / recipe.network.crop_size
        offsets.setdefault(chosen[i].annotation_style, []).append(difference)
    together = {style: np.concatenate(found).astype(float) for style, found in offsets.items()}
    return {style: np.round(np.median(found, axis=0), 5).tolist() for style, found in together.items() if len(found)}
