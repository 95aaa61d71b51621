import math

import pytest
import torch

from facelattice.modeling.visibility import VisibilityHead, visibility_loss


def test_loss_by_hand_leaves_unknown_points_out():
    logits = torch.tensor([[math.log(3), math.log(3), 50.0]], requires_grad=True)
    loss = visibility_loss(logits, torch.tensor([[1, 0, -1]]))
    assert loss.item() == pytest.approx((-math.log(0.75) - math.log(0.25)) / 3)
    loss.backward()
    assert logits.grad[0].tolist() == pytest.approx([-0.25 / 3, 0.75 / 3, 0])


def test_head_starts_with_visible_points_and_learns_hidden_ones():
    torch.manual_seed(0)
    head = VisibilityHead(num_points=2, in_dim=3)
    inputs, targets = torch.randn(64, 2, 3), torch.randint(0, 2, (64, 2))
    inputs[..., 0] += 4 * targets
    assert head(inputs).sigmoid().mean() > 0.7
    optimizer = torch.optim.Adam(head.parameters(), 0.02)
    for _ in range(60):
        optimizer.zero_grad()
        visibility_loss(head(inputs), targets).backward()
        optimizer.step()
    assert ((head(inputs) > 0) == (targets == 1)).float().mean() > 0.95
