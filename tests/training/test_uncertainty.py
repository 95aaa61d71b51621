"""Calibration of the expected errors."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from facelattice import terminal
from facelattice.datasets.face_crops import FaceCrops
from facelattice.modeling.losses import expected_error_loss
from facelattice.training.exported_network import ExportedNetwork
from facelattice.training.prepare import landmark_graph, load_training_data, make_network
from facelattice.training.recipe_file import load_recipe
from facelattice.training.uncertainty import calibrate_uncertainty, fit_error_scale


@pytest.fixture(autouse=True)
def short_calibration() -> None:
    """Do not shorten the calibration."""


@pytest.fixture
def untrained(write_recipe):
    """A network, its faces and its recipe."""
    recipe = load_recipe(write_recipe())
    data = load_training_data(recipe)
    torch.manual_seed(0)
    return make_network(landmark_graph(data, recipe), recipe).eval(), data, recipe


@torch.no_grad()
def total_loss(network, data, recipe) -> float:
    crops = FaceCrops(data.train, recipe.network.crop_size, recipe.crop_margin)
    total = 0.0
    for i in range(len(crops)):
        item = crops[0, i, i]
        points, expected_errors, *_ = network(item["crop"][None])
        distance = (points - item["points"]).norm(dim=-1)
        total += float(expected_error_loss(expected_errors, distance, item["mask"][None]))
    return total


def test_calibration_improves_expected_errors_and_keeps_the_points(untrained):
    network, data, recipe = untrained
    crop = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    points, before = network(crop).points, total_loss(network, data, recipe)
    calibrate_uncertainty(network, data, recipe)
    assert torch.equal(network(crop).points, points)
    assert total_loss(network, data, recipe) < before - 1
    assert not network.uncertainty_head.training


def test_error_scale_makes_the_mean_expected_error_the_true_one(untrained):
    network, data, recipe = untrained
    crops = FaceCrops(data.val, recipe.network.crop_size, recipe.crop_margin)
    scale = fit_error_scale(ExportedNetwork(network), crops)
    assert scale != pytest.approx(1, abs=0.02)
    items = [crops[0, i, i] for i in range(len(crops))]
    with torch.no_grad():
        points, expected_errors, *_ = ExportedNetwork(network, error_scale=scale)(
            torch.stack([i["crop"] for i in items])
        )
    true = (points - torch.stack([item["points"] for item in items])).norm(dim=-1)
    assert expected_errors.mean().item() == pytest.approx(true.mean().item(), rel=1e-3)


def test_progress_bars_go_to_stderr(untrained, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    calibrate_uncertainty(*untrained)
    out, err = capsys.readouterr()
    assert out == ""
    assert "calibrating the expected errors" in err


def test_progress_is_lines_without_a_terminal(untrained, monkeypatch, capsys):
    monkeypatch.setattr(terminal, "SECONDS_BETWEEN_LINES", 0.0)
    calibrate_uncertainty(*untrained)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(r"^\d+/24 epochs of the uncertainty head  [\d.]+ .*/s  \d+ s left$", err, re.MULTILINE)


def test_pseudo_labels_alone_change_nothing(untrained):
    network, data, recipe = untrained
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    calibrate_uncertainty(network, replace(data, annotated=np.zeros_like(data.annotated)), recipe)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
