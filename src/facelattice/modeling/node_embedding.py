"""Node embedding: from the backbone's feature maps to the features of each landmark (section III-A).

`FlattenEmbedding` is the paper's. `located_embedding.LocatedEmbedding` is ours. Both return `Nodes`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Nodes(NamedTuple):
    """The landmarks as nodes of the graph, for a batch of B crops.

    Attributes:
        features: Node features, (B, N, node_dim).
        global_features: Features of the whole crop that edge weights are predicted from, (B, global_dim).
        start_points: Positions that the head corrects, (B, N, 2) or (1, 1, 2), pixels of the crop.
        located: True if ``start_points`` were found in the image, False if they are the center of the crop.
    """

    features: Tensor
    global_features: Tensor
    start_points: Tensor
    located: bool


class FlattenEmbedding(nn.Module):
    """H = phi(F): ``maps_per_point`` feature maps per landmark, flattened into the features of its node (eq. 1).

    Args:
        num_points: Number of landmarks N.
        channels: Channels of the backbone's feature maps; the last one, at stride 32, is used.
        crop_size: Side of the crop in pixels.
        maps_per_point: Feature maps per landmark.
        pool_backbone: Average the backbone's feature map to the global features, in place of the embedded maps.

    Attributes:
        strides: Strides of the feature maps that `forward` takes.
        node_dim: Length of a node's features.
        global_dim: Length of the global features.
        pixels_per_unit: Pixels of the crop that a head output of 1 stands for.
    """

    strides = (32,)
    center: Tensor

    def __init__(self, num_points: int, channels: list[int], crop_size: int, maps_per_point: int, pool_backbone: bool):
        super().__init__()
        num_maps = num_points * maps_per_point
        self.phi = nn.Sequential(
            nn.Conv2d(channels[-1], 256, 3, padding=1, bias=False), nn.BatchNorm2d(256), nn.ReLU(inplace=True),
            nn.Conv2d(256, num_maps, 3, padding=1, bias=False), nn.BatchNorm2d(num_maps), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.num_points, self.pool_backbone = num_points, pool_backbone
        self.node_dim = maps_per_point * (-(-crop_size // 32)) ** 2
        self.global_dim = channels[-1] if pool_backbone else num_maps
        self.pixels_per_unit = crop_size / 4
        self.register_buffer("center", torch.full((1, 1, 2), (crop_size - 1) / 2), persistent=False)

    def forward(self, feature_maps: list[Tensor]) -> Nodes:
        """Embed the backbone's feature maps.

        Args:
            feature_maps: Feature maps at `strides`: (B, C, S / 32, S / 32).

        Returns:
            The nodes, float32, starting at the center of the crop.
        """
        embedded = self.phi(feature_maps[-1])  # (B, N * n, S / 32, S / 32)
        pooled = feature_maps[-1] if self.pool_backbone else embedded
        # reshape groups the channels by node in channels-last memory too.
        features = embedded.reshape(-1, self.num_points, self.node_dim)  # (B, N, node_dim)
        return Nodes(features.float(), pooled.float().mean((2, 3)), self.center, located=False)
