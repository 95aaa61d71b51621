from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from facelattice.exceptions import CheckpointError
from facelattice.training.recipe_file import load_recipe
from facelattice.training.resume import recipe_differences, restore


def test_every_difference_is_named_with_both_values(write_recipe):
    base = load_recipe(write_recipe())
    changes = {"optimizer": {"milestones": [3]}, "data": [{"path": "other", "name": "tiny faces", "repeat": 2}]}
    assert recipe_differences(load_recipe(write_recipe(**changes)), base)[1:] == [
        "data[0].repeat is 2, there 1", "optimizer.milestones is [3], there []",
    ]  # fmt: skip
    more = load_recipe(write_recipe(), ["data=[{name: tiny faces, path: a}, {name: b, path: b}]", "detector=null"])
    differences = recipe_differences(more, base)
    assert "data[1].name is b, there missing" in differences
    assert "detector is None, there yunet" in differences


def test_folders_of_files_are_no_difference(write_recipe):
    a, b = (
        load_recipe(write_recipe(), [f"data=[{{name: x, path: {folder}/x.csv}}]", f"init_from={folder}/a.pt"])
        for folder in ("here", "there")
    )
    assert a != b
    assert recipe_differences(a, b) == []


@pytest.mark.parametrize(
    ("part", "state"),
    [
        (nn.Linear(2, 2), {"weight": torch.zeros(3, 2)}),
        (torch.optim.SGD(nn.Linear(2, 2).parameters()), {}),
        (torch.optim.SGD(nn.Linear(2, 2).parameters()), {"state": {}, "param_groups": []}),
    ],
)
def test_state_that_does_not_fit_is_an_error(part, state):
    with pytest.raises(CheckpointError, match=r"last\.pt: does not fit the network and optimizer"):
        restore(part, state, Path("last.pt"))
