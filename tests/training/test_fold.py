"""A folded network does the same in fewer steps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from facelattice.modeling.sdfl import SDFL
from facelattice.training.fold import FoldedConv, fold

RING = torch.eye(10).bool() | torch.eye(10).roll(1, 1).bool() | torch.eye(10).roll(-1, 1).bool()


def used_network(**options) -> SDFL:
    """A network whose weights and statistics are not those it starts with."""
    torch.manual_seed(0)
    network = SDFL(RING, 64, "mobilenetv3_small_050", depth=2, **options)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    for parameter in network.last.parameters():
        nn.init.normal_(parameter)
    return network.eval()


@pytest.mark.parametrize(
    "options",
    [{"edges": edges} for edges in ("dynamic", "static", "binary", "dense")]
    + [{"head": "linear"}, {"embedding": "flatten"}, {"separable": True}],
    ids=str,
)
@torch.no_grad()
def test_a_folded_network_gives_the_same(options):
    network = used_network(**options)
    crops = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    points, errors, _, weights = network(crops)
    fold(network)
    folded = network(crops)
    torch.testing.assert_close(folded.points, points, atol=1e-3, rtol=0)  # pixels
    torch.testing.assert_close(folded.expected_errors, errors, atol=0, rtol=1e-3)
    torch.testing.assert_close(folded.weights, weights, atol=0, rtol=0)
    assert points.std() > 1  # there is something to be the same
    assert errors.std() > 0


def test_nothing_is_left_to_normalize_between_the_points():
    network = used_network()
    fold(network)
    for part in (network.head, network.errors):
        assert not any(isinstance(module, nn.BatchNorm1d) for module in part.modules())
    assert sum(isinstance(module, FoldedConv) for module in network.modules()) == 1 + 2 * 2 + 1
