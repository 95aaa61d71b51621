"""One number for each node: the common part of the heads for expected errors and for visibility."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NodeRegressor(nn.Module):
    """A perceptron shared by all nodes, and a bias for each landmark, as some landmarks are always harder than others.

    Args:
        num_points: Number of landmarks N.
        in_dim: Length of the inputs of a node.
        initial_bias: Initial bias of all landmarks.
    """

    def __init__(self, num_points: int, in_dim: int, initial_bias: float = 0.0):
        super().__init__()
        self.norm = nn.BatchNorm1d(in_dim)
        self.layers = nn.Sequential(nn.Linear(in_dim, 64), nn.ReLU(inplace=True), nn.Linear(64, 1))
        self.point_bias = nn.Parameter(torch.full((num_points,), initial_bias))

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (B, N, in_dim) -> (B, N)."""
        normalized = self.norm(inputs.flatten(0, 1)).reshape(-1, *inputs.shape[1:])  # over all nodes of the batch
        return self.layers(normalized).squeeze(-1) + self.point_bias
