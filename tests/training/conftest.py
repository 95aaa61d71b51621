from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from facelattice.training import uncertainty
from facelattice.training.checkpoint import Checkpoint
from facelattice.training.config import recipe_from_yaml
from facelattice.training.onnx_export import load_network
from facelattice.training.training_run import train


@pytest.fixture(autouse=True)
def short_calibration(monkeypatch) -> None:
    """Calibrate the expected errors for one epoch only: it takes a good part of the time of a small run."""
    monkeypatch.setattr(uncertainty, "EPOCHS", 1)


def _shake(network: torch.nn.Module, by: float) -> None:
    """Change every weight: initial ones hide faults, because the last layer is 0."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += by * parameter.std(correction=0) * torch.randn(parameter.shape, generator=generator)
            parameter += 0.02 * torch.randn(parameter.shape, generator=generator)


@pytest.fixture
def shake() -> Callable[[torch.nn.Module, float], None]:
    return _shake


@pytest.fixture(scope="session")
def shaken_checkpoints() -> dict[tuple[str, ...], Checkpoint]:
    """The checkpoints of `shaken` so far, by their overrides: each is trained once."""
    return {}


@pytest.fixture
def shaken(write_recipe, tmp_path, request, shaken_checkpoints) -> Path:
    """A checkpoint of one epoch with changed weights; the parameter is a list of overrides of the recipe."""
    overrides = tuple(getattr(request, "param", []))
    if overrides not in shaken_checkpoints:
        state = Checkpoint.load(train(write_recipe(epochs=1), list(overrides), tmp_path / "run"))
        network = load_network(state, recipe_from_yaml(state.recipe))
        _shake(network, 0.2)
        shaken_checkpoints[overrides] = replace(state, ema_weights=network.state_dict())
    shaken_checkpoints[overrides].save(tmp_path / "shaken.pt")
    return tmp_path / "shaken.pt"
