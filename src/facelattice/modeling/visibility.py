"""Visibility: the probability that each landmark can be seen in the image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from facelattice.modeling.node_regressor import NodeRegressor


class VisibilityHead(NodeRegressor):
    """Predicts the log-odds that a landmark is visible: hidden neither by an object nor by the face itself.

    The inputs are those of `UncertaintyHead`. Initially most landmarks are predicted as visible.

    Args:
        num_points: Number of landmarks N.
        in_dim: Length of the inputs of a node.
    """

    def __init__(self, num_points: int, in_dim: int):
        super().__init__(num_points, in_dim, initial_bias=1.5)


def visibility_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Compute the binary cross-entropy of the visibility, the mean over all landmarks; unknown visibility counts as 0.

    Args:
        logits: Log-odds that a landmark is visible, (B, N).
        targets: 1 visible, 0 hidden, -1 unknown; (B, N).
    """
    known = targets >= 0
    losses = F.binary_cross_entropy_with_logits(logits, targets.clamp(min=0).to(logits.dtype), reduction="none")
    return torch.where(known, losses, 0.0).mean()
