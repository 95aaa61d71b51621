import math

import pytest
import torch

from facelattice.modeling.uncertainty import UncertaintyHead


@pytest.fixture
def head() -> UncertaintyHead:
    """A head for three points with two inputs each, whose last layer is 0."""
    torch.manual_seed(0)
    module = UncertaintyHead(num_points=3, in_dim=2).eval()
    torch.nn.init.zeros_(module.layers[-1].weight)
    torch.nn.init.zeros_(module.layers[-1].bias)
    return module


def test_each_point_has_its_own_bias(head):
    inputs = torch.randn(4, 3, 2)
    torch.testing.assert_close(head(inputs), torch.full((4, 3), math.exp(1.5)))
    head.point_bias.data[:] = torch.tensor([math.log(2), math.log(7), math.log(0.5)])
    torch.testing.assert_close(head(inputs), torch.tensor([2.0, 7, 0.5]).expand(4, 3))


def test_expected_errors_are_bounded(head):
    head.point_bias.data[:] = torch.tensor([-40.0, 0, 40])
    found = head(torch.randn(1, 3, 2))
    torch.testing.assert_close(found, torch.tensor([[math.exp(-3), 1, math.exp(5)]]))
    assert found[0, 0].item() == pytest.approx(0.05, abs=0.001)
    assert found[0, 2].item() == pytest.approx(150, abs=2)


def test_inputs_are_normalized_per_channel(head):
    head.norm.running_mean[:], head.norm.running_var[:] = torch.tensor([10.0, -5]), torch.tensor([4.0, 0.25])
    head.layers[0].weight.data[:] = 0
    head.layers[0].bias.data[:] = 0
    head.layers[0].weight.data[:2] = torch.eye(2)
    head.layers[-1].weight.data[0, :2] = torch.tensor([1.0, 0.5])
    # (12 - 10) / 2 = 1 and (-4 + 5) / 0.5 = 2, so 1 + 0.5 * 2 is added to 1.5; ReLU removes values below the mean.
    found = head(torch.tensor([[[12.0, -4], [10, -5], [6, -9]]]))
    torch.testing.assert_close(found, torch.tensor([[math.exp(3.5), math.exp(1.5), math.exp(1.5)]]), rtol=1e-4, atol=0)
