import math

import pytest
import torch

from facelattice.modeling.uncertainty import ExpectedErrors


@pytest.fixture
def errors() -> ExpectedErrors:
    """The expected errors of three points by two numbers each, which begin to matter when the last layer is not 0."""
    torch.manual_seed(0)
    module = ExpectedErrors(points=3, inputs=2).eval()
    torch.nn.init.zeros_(module.layers[-1].weight)
    torch.nn.init.zeros_(module.layers[-1].bias)
    return module


def test_each_point_has_a_usual_error_of_its_own(errors):
    evidence = torch.randn(4, 3, 2)
    torch.testing.assert_close(errors(evidence), torch.full((4, 3), math.exp(1.5)))
    errors.usual.data[:] = torch.tensor([math.log(2), math.log(7), math.log(0.5)])
    torch.testing.assert_close(errors(evidence), torch.tensor([2.0, 7, 0.5]).expand(4, 3))


def test_no_evidence_makes_an_error_below_a_twentieth_of_a_pixel_or_over_150(errors):
    errors.usual.data[:] = torch.tensor([-40.0, 0, 40])
    found = errors(torch.randn(1, 3, 2))
    torch.testing.assert_close(found, torch.tensor([[math.exp(-3), 1, math.exp(5)]]))
    assert found[0, 0].item() == pytest.approx(0.05, abs=0.001)
    assert found[0, 2].item() == pytest.approx(150, abs=2)


def test_evidence_is_normalized_number_by_number(errors):
    errors.norm.running_mean[:], errors.norm.running_var[:] = torch.tensor([10.0, -5]), torch.tensor([4.0, 0.25])
    errors.layers[0].weight.data[:] = 0
    errors.layers[0].bias.data[:] = 0
    errors.layers[0].weight.data[:2] = torch.eye(2)
    errors.layers[-1].weight.data[0, :2] = torch.tensor([1.0, 0.5])
    # (12 - 10) / 2 = 1 and (-4 + 5) / 0.5 = 2, so 1 + 0.5 * 2 on top of 1.5; what is below the mean is cut off
    found = errors(torch.tensor([[[12.0, -4], [10, -5], [6, -9]]]))
    torch.testing.assert_close(found, torch.tensor([[math.exp(3.5), math.exp(1.5), math.exp(1.5)]]), rtol=1e-4, atol=0)
