"""The network that is exported to a model file: averaged with the mirrored crop, and with scaled expected errors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from facelattice.modeling.sdfl import SDFL


class ExportedNetwork(nn.Module):
    """The outputs of a model file: points, expected errors, visibility and, with a graph, edge weights.

    Args:
        network: The network in evaluation mode.
        mirror: The scheme's permutation (N,), to average with the prediction on the mirrored crop; None for one view.
        error_scale: Factor of the expected errors.
    """

    def __init__(self, network: SDFL, mirror: np.ndarray | None = None, error_scale: float = 1.0):
        super().__init__()
        self.network, self.error_scale = network, error_scale
        self.mirror = None if mirror is None else torch.from_numpy(mirror)

    def forward(self, crops: Tensor, styles: Tensor | None = None) -> tuple[Tensor, ...]:
        """Run the network.

        Args:
            crops: RGB uint8 (B, S, S, 3).
            styles: Index of the annotation style, int64 (1,), see `SDFL.forward`.

        Returns:
            Points (B, N, 2), expected errors (B, N), visibility (B, N) from 0 to 1, and with a graph edge weights
            (B or 1, N, N).
        """
        if self.mirror is None:
            points, expected_errors, logits, _, edge_weights = self.network(crops, styles)
            visibility = logits.sigmoid()
        else:
            points, expected_errors, visibility, edge_weights = self._average_views(crops, styles, self.mirror)
        outputs = points, expected_errors * self.error_scale, visibility
        return outputs if edge_weights is None else (*outputs, edge_weights)

    def _average_views(
        self, crops: Tensor, styles: Tensor | None, mirror: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """Average the predictions on the crops and on their mirror images, whose points are mirrored back."""
        points, errors, logits, _, edge_weights = self.network(torch.cat([crops, crops.flip(2)]), styles)
        points, mirrored = points.reshape(2, -1, *points.shape[1:])  # chunk would fix the batch size of the ONNX file
        mirrored = torch.stack([crops.shape[2] - 1 - mirrored[..., 0], mirrored[..., 1]], -1)[:, mirror]
        errors, mirrored_errors = errors.reshape(2, -1, errors.shape[1])
        # Half the distance between the two predictions is the standard deviation of their mean; added in quadrature.
        variance = (points - mirrored).square().sum(-1) / 4
        errors = (((errors + mirrored_errors[:, mirror]) / 2).square() + variance).sqrt()
        visibility, mirrored_visibility = logits.sigmoid().reshape(2, -1, logits.shape[1])
        visibility = (visibility + mirrored_visibility[:, mirror]) / 2
        if edge_weights is not None and edge_weights.shape[0] > 1:  # static ones are the same for mirrored crops
            edge_weights, mirrored_weights = edge_weights.reshape(2, -1, *edge_weights.shape[1:])
            edge_weights = (edge_weights + mirrored_weights[:, mirror][:, :, mirror]) / 2
        return (points + mirrored) / 2, errors, visibility, edge_weights
