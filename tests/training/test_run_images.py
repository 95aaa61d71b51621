from __future__ import annotations

import numpy as np
from torch.utils.data import default_collate

from facelattice.training.prepare import load_training_data, make_crops
from facelattice.training.recipe_file import load_recipe
from facelattice.training.run_images import VAL_TILE, draw_train_batch, draw_val_predictions
from facelattice.training.validation import Validation


def test_batch_shows_known_points_only(write_recipe):
    recipe = load_recipe(write_recipe())
    data = load_training_data(recipe)
    crops = make_crops(data.train, recipe)
    batch = default_collate([crops[0, 0, i] for i in range(8)])
    drawn = draw_train_batch(batch, data.scheme)
    assert drawn.shape == (2 * 192, 4 * 192, 3)
    empty = draw_train_batch({**batch, "mask": batch["mask"] & False}, data.scheme)
    changed = (drawn != empty).any(2).reshape(2, 192, 4, 192).any((1, 3))
    assert changed.all()  # every crop has its points


def test_worst_faces_come_first_beside_their_predictions(write_recipe):
    recipe = load_recipe(write_recipe())
    data = load_training_data(recipe)
    crops = make_crops(data.val, recipe)
    validation = Validation()
    for i, error in enumerate([0.02, 0.3, 0.1]):  # the fourth face cannot be measured
        item = crops[0, i, i]
        validation.errors[i] = error
        validation.points[i] = item["points"].numpy() + np.array([0, 10 if i == 1 else 0])
        validation.expected_errors[i] = np.zeros(68)
    drawn = draw_val_predictions(validation, crops, data.scheme)
    pair = VAL_TILE + 18
    assert drawn.shape == (18 + 2 * pair, 4 * 2 * VAL_TILE + 18, 3)
    first, second = (drawn[18 : 18 + VAL_TILE, start : start + 2 * VAL_TILE] for start in (0, 2 * VAL_TILE))
    assert (second[:, :VAL_TILE] == second[:, VAL_TILE:]).all()  # the prediction of this face equals its annotation
    assert (first[:, :VAL_TILE] != first[:, VAL_TILE:]).any(2).mean() > 0.05
