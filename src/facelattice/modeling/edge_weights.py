"""Edge weights of the landmark graph: predicted for every image, or fixed (section III-C)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facelattice.exceptions import ArgumentError


class EdgeWeights(nn.Module):
    """Edge weights A: a softmax over the neighbors of each landmark.

    - "dynamic": predicted for every image from its global features by two fully connected layers (the method).
    - "static": learned, the same for every image.
    - "binary": 1 / degree.
    - "dense": learned between all pairs of landmarks; the graph is not used.

    Args:
        kind: One of the above.
        graph: Adjacency, bool (N, N).
        global_dim: Length of the global features.

    Attributes:
        graph: The adjacency that is used, bool (N, N); all True for "dense".

    Raises:
        ArgumentError: If ``kind`` is unknown.
    """

    logit_index: Tensor
    logits: nn.Module | Tensor

    def __init__(self, kind: str, graph: Tensor, global_dim: int):
        super().__init__()
        self.graph = torch.ones_like(graph) if kind == "dense" else graph
        num_edges = int(self.graph.sum())
        if kind == "dynamic":
            self.logits = nn.Sequential(
                nn.Linear(global_dim, 256), nn.BatchNorm1d(256), nn.ReLU(inplace=True), nn.Linear(256, num_edges)
            )
        elif kind in ("static", "dense"):
            self.logits = nn.Parameter(torch.zeros(1, num_edges))
        elif kind == "binary":
            self.register_buffer("logits", torch.zeros(1, num_edges), persistent=False)
        else:
            raise ArgumentError(f"edge weights are dynamic, static, binary or dense, not {kind!r}")
        # The logits are gathered, because a boolean scatter cannot be exported. Pairs without an edge get an additional
        # last logit, minus infinity.
        logit_index = torch.full(self.graph.shape, num_edges, dtype=torch.long)
        logit_index[self.graph] = torch.arange(num_edges)
        self.register_buffer("logit_index", logit_index, persistent=False)

    def forward(self, global_features: Tensor) -> Tensor:
        """Compute the edge weights.

        Args:
            global_features: Features of the whole crop, (B, global_dim).

        Returns:
            Edge weights, (B, N, N) for "dynamic", else (1, N, N). Rows sum to 1.
        """
        logits = self.logits(global_features) if isinstance(self.logits, nn.Module) else self.logits  # (B, E)
        return nn.functional.pad(logits, (0, 1), value=-torch.inf)[:, self.logit_index].softmax(-1)  # (B, N, N)
