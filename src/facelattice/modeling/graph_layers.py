"""How much each landmark listens to its neighbors in this image, and the layers that let it (section III-C).

weights = EdgeWeights("dynamic", graph, features=256)(pooled)     # (B, N, N), rows sum to 1 over the neighbors
nodes = GraphConv(256, 128)(nodes, weights)                       # (B, N, 256) -> (B, N, 128)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class EdgeWeights(nn.Module):
    """The weights of the graph's edges, a softmax over each point's neighbors.

    dynamic: made anew for each image from its pooled features, the method.  static: learned, the same for every
    image.
    binary: 1 / degree.  dense: learned between all points, the graph left aside.
    """

    slots: Tensor
    logits: nn.Module | Tensor

    def __init__(self, kind: str, graph: Tensor, features: int):
        super().__init__()
        graph = torch.ones_like(graph) if kind == "dense" else graph
        edges = int(graph.sum())
        if kind == "dynamic":
            self.logits = nn.Sequential(
                nn.Linear(features, 256), nn.BatchNorm1d(256), nn.ReLU(inplace=True), nn.Linear(256, edges)
            )
        elif kind in ("static", "dense"):
            self.logits = nn.Parameter(torch.zeros(1, edges))
        elif kind == "binary":
            self.register_buffer("logits", torch.zeros(1, edges), persistent=False)
        else:
            raise ValueError(f"edge weights are dynamic, static, binary or dense, not {kind!r}")
        # Weights are put in their places by a gather (a boolean scatter cannot be exported): places without an edge all
        # take the last slot, which holds minus infinity.
        slots = torch.full(graph.shape, edges, dtype=torch.long)
        slots[graph] = torch.arange(edges)
        self.register_buffer("slots", slots, persistent=False)
        self.graph = graph

    def placed(self, state: dict[str, Tensor], graph: Tensor) -> dict[str, Tensor]:
        """What belongs to single edges in another's ``state``, by name, put in the order of the edges here.

        ``graph``, bool (N, N), is that of the other. An edge that it has not keeps what it has here.
        """
        order = torch.full(graph.shape, -1)
        order[graph] = torch.arange(int(graph.sum()))
        there = order[self.graph]
        both = there >= 0
        moved = {}
        for name, own in self.state_dict().items():
            axis = {"logits.3.weight": 0, "logits.3.bias": 0, "logits": 1}.get(name)
            if axis is not None and name in state:
                moved[name] = own.clone()
                moved[name].transpose(0, axis)[both] = state[name].transpose(0, axis)[there[both]]
        return moved

    def forward(self, pooled: Tensor) -> Tensor:
        """Pooled features (B, features) -> (B or 1, N, N)."""
        logits = self.logits(pooled) if isinstance(self.logits, nn.Module) else self.logits
        return nn.functional.pad(logits, (0, 1), value=-torch.inf)[:, self.slots].softmax(-1)


class GraphConv(nn.Module):
    """(A * I) (X W0 + b) + (A * (1 - I)) X W1: a point and its neighbors, each with weights of their own (eq. 6).

    The paper adds b to all; here it counts as much as a point listens to itself.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.own = nn.Linear(inputs, outputs)
        self.others = nn.Linear(inputs, outputs, bias=False)

    def forward(self, nodes: Tensor, weights: Tensor) -> Tensor:
        """Nodes (B, N, inputs), weights (B or 1, N, N) -> (B, N, outputs)."""
        itself = torch.eye(weights.shape[-1], device=weights.device)
        own = (weights * itself).sum(-1, keepdim=True)
        return own * self.own(nodes) + (weights * (1 - itself)) @ self.others(nodes)


class GraphLayer(nn.Module):
    """Graph convolution, batch normalization over the channels, ReLU."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = GraphConv(inputs, outputs)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, nodes: Tensor, weights: Tensor) -> Tensor:
        return self.norm(self.conv(nodes, weights).transpose(1, 2)).transpose(1, 2).relu()


class ResidualBlock(nn.Module):
    """Two layers and a way around them."""

    def __init__(self, width: int):
        super().__init__()
        self.one, self.two = GraphLayer(width, width), GraphLayer(width, width)

    def forward(self, nodes: Tensor, weights: Tensor) -> Tensor:
        return self.two(self.one(nodes, weights), weights) + nodes


class GraphHead(nn.Module):
    """Node features -> what each point knows after listening: (B, N, inputs) -> (B, N, width).

    One layer down to ``width``, then ``depth`` residual blocks of two layers.
    """

    def __init__(self, inputs: int, width: int = 128, depth: int = 4):
        super().__init__()
        self.first = GraphLayer(inputs, width)
        self.blocks = nn.ModuleList(ResidualBlock(width) for _ in range(depth))

    def forward(self, nodes: Tensor, weights: Tensor) -> Tensor:
        x = self.first(nodes, weights)
        for block in self.blocks:
            x = block(x, weights)
        return x


class LinearHead(nn.Module):
    """The baseline of the paper's comparison: fully connected layers in the graph's place, the same interface.

    Every point reads all of a 256-vector of the whole face: (B, N, inputs) -> (B, N, width).
    """

    def __init__(self, points: int, inputs: int, width: int = 128):
        super().__init__()
        self.face = nn.Sequential(
            nn.Linear(points * inputs, 256, bias=False), nn.BatchNorm1d(256), nn.ReLU(inplace=True)
        )
        self.nodes = nn.Sequential(nn.Linear(256, points * width), nn.ReLU(inplace=True))

    def forward(self, nodes: Tensor) -> Tensor:
        return self.nodes(self.face(nodes.flatten(1))).unflatten(1, (nodes.shape[1], -1))
