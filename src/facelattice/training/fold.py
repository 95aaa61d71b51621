"""The network as a model file has it: batch normalization around a linear layer becomes part of that layer.

fold(network)       # the same function of the crops, in fewer steps

The backbone and other convolutions are left alone: ONNX Runtime folds theirs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from facelattice.modeling.graph_layers import GraphConv, GraphLayer
from facelattice.modeling.sdfl import SDFL
from facelattice.modeling.uncertainty import ExpectedErrors


class FoldedConv(nn.Module):
    """A `GraphConv`, and the normalization of what it gives, as two products of matrices."""

    def __init__(self, conv: GraphConv, norm: nn.BatchNorm1d | None = None):
        super().__init__()
        own, others, bias = conv.own.weight, conv.others.weight, conv.own.bias
        scale, shift = (torch.ones_like(bias), torch.zeros_like(bias)) if norm is None else _affine(norm)
        self.both = nn.Linear(own.shape[1], 2 * own.shape[0])
        # A point's weights, its own among them, are 1 in sum: what is added to all features is added to the outcome.
        self.both.weight.data = torch.cat([own * scale[:, None], others * scale[:, None]])
        self.both.bias.data = torch.cat([bias * scale + shift, shift])

    def forward(self, nodes: Tensor, weights: Tensor) -> Tensor:
        """Nodes (B, N, inputs), weights (B or 1, N, N) -> (B, N, outputs)."""
        points = int(weights.shape[-1])
        itself = torch.eye(points)
        # Each point is there twice, as what it is to itself and as what it is to others.
        paired = torch.stack([weights * itself, weights * (1 - itself)], -1).reshape(-1, points, 2 * points)
        return paired @ self.both(nodes).reshape(-1, 2 * points, self.both.out_features // 2)


@torch.no_grad()
def fold(network: SDFL) -> None:
    """Change a network in evaluation mode in place."""
    for part in list(network.modules()):
        if isinstance(part, GraphLayer):
            _fold_layer(part)
        elif isinstance(part, ExpectedErrors):
            _fold_errors(part)
    if isinstance(network.last, GraphConv):
        network.last = FoldedConv(network.last)


def _fold_layer(layer: Any) -> None:
    layer.conv, layer.norm = FoldedConv(layer.conv, layer.norm), nn.Identity()


def _fold_errors(errors: Any) -> None:
    scale, shift = _affine(errors.norm)
    first = errors.layers[0]
    first.bias += first.weight @ shift
    first.weight *= scale
    errors.norm = nn.Identity()


def _affine(norm: Any) -> tuple[Tensor, Tensor]:
    """What a batch normalization multiplies each channel with, and then adds."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale, norm.bias - norm.running_mean * scale
