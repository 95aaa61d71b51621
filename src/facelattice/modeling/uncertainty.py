"""Expected errors: the distance of each predicted point from the truth, predicted by the network itself."""

from __future__ import annotations

from torch import Tensor

from facelattice.modeling.node_regressor import NodeRegressor


class UncertaintyHead(NodeRegressor):
    """Predicts the expected error of each point.

    The inputs are the output of the graph layers, the features of the node (such as the spread and the peak of its
    heatmap), and the correction by the graph. With the output of the graph layers alone, the errors are ranked worse.

    Args:
        num_points: Number of landmarks N.
        in_dim: Length of the inputs of a node.
    """

    def __init__(self, num_points: int, in_dim: int):
        super().__init__(num_points, in_dim, initial_bias=1.5)

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (B, N, in_dim) -> expected errors (B, N), pixels of the crop, from 1/20 to 150."""
        return super().forward(inputs).clamp(-3, 5).exp()  # bounded, so that no single face dominates the loss
