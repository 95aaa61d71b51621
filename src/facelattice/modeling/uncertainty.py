"""How far off each point may be, learned from how far off the points were, with the points held fixed."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ExpectedErrors(nn.Module):
    """Evidence (B, N, inputs) -> expected distance of each point from the truth, (B, N), in pixels of the crop.

    The evidence is all that is known of a node: what it and its neighbors came to, but also its own features, among
    them how wide and how high its map is, and how far the graph moved the point. What the graph layers came to says
    where a point is, and leaves out most of what tells how sure that is: with it alone expected and true errors of
    held-out faces have a rank correlation of 0.42, with all of it 0.52 (docs/experiments.md).
    """

    def __init__(self, points: int, inputs: int):
        super().__init__()
        self.norm = nn.BatchNorm1d(inputs)
        self.layers = nn.Sequential(nn.Linear(inputs, 64), nn.ReLU(inplace=True), nn.Linear(64, 1))
        self.usual = nn.Parameter(torch.full((points,), 1.5))  # some points are harder than others in any face

    def forward(self, evidence: Tensor) -> Tensor:
        log_error = self.layers(self.norm(evidence.transpose(1, 2)).transpose(1, 2)).squeeze(-1) + self.usual
        # Bounded so that no single face can blow up the loss; 1/20 px to 150 px.
        return log_error.clamp(-3, 5).exp()
