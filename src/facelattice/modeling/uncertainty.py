"""Expected errors: the distance of each predicted point from the truth, predicted by the network itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class UncertaintyHead(nn.Module):
    """Predicts the expected error of each point from all that is known about its node.

    The inputs are the output of the graph layers, the node's own features (among them the width and the height of its
    heatmap), and the correction that the graph made. The output of the graph layers alone ranks the errors worse.

    Args:
        num_points: Number of landmarks N.
        in_dim: Length of the inputs of a node.
    """

    def __init__(self, num_points: int, in_dim: int):
        super().__init__()
        self.norm = nn.BatchNorm1d(in_dim)
        self.layers = nn.Sequential(nn.Linear(in_dim, 64), nn.ReLU(inplace=True), nn.Linear(64, 1))
        self.log_bias = nn.Parameter(
            torch.full((num_points,), 1.5)
        )  # some landmarks are harder than others in any face

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (B, N, in_dim) -> expected errors (B, N), pixels of the crop, from 1/20 to 150."""
        normalized = self.norm(inputs.flatten(0, 1)).reshape(-1, *inputs.shape[1:])  # over all nodes of the batch
        log_error = self.layers(normalized).squeeze(-1) + self.log_bias
        return log_error.clamp(-3, 5).exp()  # bounded, so that no single face dominates the loss
