"""Graph relational layers (section III-C), and the fully connected baseline.

Shapes: B crops, N landmarks. Edge weights are (B, N, N), or (1, N, N) if they are the same for all crops.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GraphConv(nn.Module):
    """Graph convolution with separate weights for a node and for its neighbors (eq. 6).

    With ``output_bias``, (A * I) X W0 + (A * (1 - I)) X W1 + b, as in the paper. Without it, the bias is in the self
    term, (A * I) (X W0 + b) + (A * (1 - I)) X W1, as in the bundled models.

    Args:
        in_dim: Length of the input features.
        out_dim: Length of the output features.
        output_bias: Add the bias to the output, not to the self term.
    """

    def __init__(self, in_dim: int, out_dim: int, output_bias: bool = False):
        super().__init__()
        self.self_linear = nn.Linear(in_dim, out_dim)
        self.neighbor_linear = nn.Linear(in_dim, out_dim, bias=False)
        self.output_bias = output_bias

    def forward(self, nodes: Tensor, edge_weights: Tensor) -> Tensor:
        """Convolve nodes (B, N, in_dim) over the edges (B, N, N): (B, N, out_dim)."""
        identity = torch.eye(edge_weights.shape[-1], device=edge_weights.device)
        self_weight = (edge_weights * identity).sum(-1, keepdim=True)  # (B, N, 1)
        from_neighbors = (edge_weights * (1 - identity)) @ self.neighbor_linear(nodes)  # (B, N, out_dim)
        if not self.output_bias:
            return self_weight * self.self_linear(nodes) + from_neighbors
        return self_weight * (nodes @ self.self_linear.weight.T) + from_neighbors + self.self_linear.bias


class GraphLayer(nn.Module):
    """Graph convolution, batch normalization over the channels, ReLU."""

    def __init__(self, in_dim: int, out_dim: int, output_bias: bool = False):
        super().__init__()
        self.conv, self.norm = GraphConv(in_dim, out_dim, output_bias), nn.BatchNorm1d(out_dim)

    def forward(self, nodes: Tensor, edge_weights: Tensor) -> Tensor:
        """Nodes (B, N, in_dim) and edge weights (B, N, N) -> (B, N, out_dim)."""
        nodes = self.conv(nodes, edge_weights)
        normalized = self.norm(nodes.flatten(0, 1))  # (B * N, out_dim): statistics over all nodes of the batch
        return normalized.reshape(-1, *nodes.shape[1:]).relu()


class ResidualBlock(nn.Module):
    """Two graph layers with a skip connection."""

    def __init__(self, dim: int, output_bias: bool = False):
        super().__init__()
        self.layer1, self.layer2 = GraphLayer(dim, dim, output_bias), GraphLayer(dim, dim, output_bias)

    def forward(self, nodes: Tensor, edge_weights: Tensor) -> Tensor:
        """Nodes (B, N, dim) and edge weights (B, N, N) -> (B, N, dim)."""
        return self.layer2(self.layer1(nodes, edge_weights), edge_weights) + nodes


class GraphHead(nn.Module):
    """One graph layer that reduces the features to ``dim``, then ``depth`` residual blocks."""

    def __init__(self, in_dim: int, dim: int = 128, depth: int = 4, output_bias: bool = False):
        super().__init__()
        self.stem = GraphLayer(in_dim, dim, output_bias)
        self.blocks = nn.ModuleList(ResidualBlock(dim, output_bias) for _ in range(depth))

    def forward(self, nodes: Tensor, edge_weights: Tensor) -> Tensor:
        """Nodes (B, N, in_dim) and edge weights (B, N, N) -> (B, N, dim)."""
        nodes = self.stem(nodes, edge_weights)
        for block in self.blocks:
            nodes = block(nodes, edge_weights)
        return nodes


class LinearHead(nn.Module):
    """The paper's baseline without a graph: fully connected layers through one vector of 256 features of the face."""

    def __init__(self, num_points: int, in_dim: int, dim: int = 128):
        super().__init__()
        self.face = nn.Sequential(
            nn.Linear(num_points * in_dim, 256, bias=False), nn.BatchNorm1d(256), nn.ReLU(inplace=True)
        )
        self.nodes = nn.Sequential(nn.Linear(256, num_points * dim), nn.ReLU(inplace=True))

    def forward(self, nodes: Tensor) -> Tensor:
        """Nodes (B, N, in_dim) -> (B, N, dim)."""
        return self.nodes(self.face(nodes.flatten(1))).unflatten(1, (nodes.shape[1], -1))
