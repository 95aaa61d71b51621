"""What expected errors are learned from, and learning them once more."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from facelattice.datasets.face_crops import FaceCrops
from facelattice.modeling.losses import expected_error_loss
from facelattice.training.config import load_recipe
from facelattice.training.prepare import landmark_graph, load_training_data, make_network
from facelattice.training.uncertainty import calibrate_uncertainty, uncertainty_targets


def test_distances_are_learned_from_people_and_from_places_without_a_face(write_recipe):
    recipe = load_recipe(write_recipe(margin=1.6))
    truth = torch.zeros(3, 2, 2)
    batch = {
        "points": truth, "mask": torch.tensor([[True, False], [True, True], [False, False]]),
        "annotated": torch.tensor([True, False, True]), "background": torch.tensor([False, False, True]),
    }  # fmt: skip
    distance, known = uncertainty_targets(truth + torch.tensor([3.0, 4.0]), batch, recipe)
    assert known.tolist() == [[True, False], [False, False], [True, True]]
    assert distance[0, 0] == 5
    assert distance[2].tolist() == pytest.approx([0.2 * 64 / 1.6] * 2)  # a fifth of the face box, in pixels of the crop


@pytest.fixture
def learner(write_recipe):
    """A network, the faces it learns from and its recipe."""
    recipe = load_recipe(write_recipe())
    faces = load_training_data(recipe)
    torch.manual_seed(0)
    return make_network(landmark_graph(faces, recipe), recipe).eval(), faces, recipe


def loss(network, faces, recipe) -> float:
    crops = FaceCrops(faces.training, recipe.size, recipe.margin)
    total = 0.0
    for i in range(len(crops)):
        item = crops[0, i, i]
        points, errors, *_ = network(item["crop"][None])
        total += float(expected_error_loss(errors, (points - item["points"]).norm(dim=-1), item["mask"][None]))
    return total


@torch.no_grad()
def test_learning_once_more_makes_errors_truer_and_leaves_points(learner):
    network, faces, recipe = learner
    crop = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    points, before = network(crop).points, loss(network, faces, recipe)
    with torch.enable_grad():
        calibrate_uncertainty(network, faces, recipe)
    assert torch.equal(network(crop).points, points)
    assert loss(network, faces, recipe) < before - 1
    assert not network.errors.training


def test_on_a_terminal_the_bars_are_no_part_of_what_is_printed(learner, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    calibrate_uncertainty(*learner)
    printed, shown = capsys.readouterr()
    assert printed == ""
    assert "learning expected errors" in shown


def test_without_annotated_faces_errors_stay(learner):
    network, faces, recipe = learner
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    calibrate_uncertainty(network, replace(faces, annotated=np.zeros_like(faces.annotated)), recipe)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
