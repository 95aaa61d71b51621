"""The network as a model file runs it: averaged with the mirrored crop, and with scaled expected errors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from facelattice.modeling.sdfl import SDFL


class ExportedNetwork(nn.Module):
    """The outputs of a model file: points, expected errors and, with a graph, edge weights.

    Args:
        network: The network in evaluation mode.
        mirror: The scheme's permutation (N,), to average with the prediction on the mirrored crop; None for one view.
        error_scale: Factor of the expected errors.
    """

    def __init__(self, network: SDFL, mirror: np.ndarray | None = None, error_scale: float = 1.0):
        super().__init__()
        self.network, self.error_scale = network, error_scale
        self.mirror = None if mirror is None else torch.from_numpy(mirror)

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Crops uint8 (B, S, S, 3) -> points (B, N, 2), expected errors (B, N), edge weights (B or 1, N, N)."""
        if self.mirror is None:
            points, expected_errors, _, edge_weights = self.network(crops)
        else:
            points, expected_errors, edge_weights = self._average_views(crops, self.mirror)
        expected_errors = expected_errors * self.error_scale
        return (points, expected_errors) if edge_weights is None else (points, expected_errors, edge_weights)

    def _average_views(self, crops: Tensor, mirror: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """The mean over the crops and their mirror images, whose points are mirrored back."""
        points, errors, _, edge_weights = self.network(torch.cat([crops, crops.flip(2)]))
        points, mirrored = points.reshape(2, -1, *points.shape[1:])  # not chunk: a traced B stays free
        mirrored = torch.stack([crops.shape[2] - 1 - mirrored[..., 0], mirrored[..., 1]], -1)[:, mirror]
        errors, mirrored_errors = errors.reshape(2, -1, errors.shape[1])
        # Half the distance of the two predictions is the standard deviation of their mean: it is added in quadrature.
        variance = (points - mirrored).square().sum(-1) / 4
        errors = (((errors + mirrored_errors[:, mirror]) / 2).square() + variance).sqrt()
        if edge_weights is not None and edge_weights.shape[0] > 1:  # those of all faces are mirrored already
            edge_weights, mirrored_weights = edge_weights.reshape(2, -1, *edge_weights.shape[1:])
            edge_weights = (edge_weights + mirrored_weights[:, mirror][:, :, mirror]) / 2
        return (points + mirrored) / 2, errors, edge_weights
