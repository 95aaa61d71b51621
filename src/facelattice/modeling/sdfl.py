"""SDFL: crops of faces in, landmarks and their expected errors out.

    model = SDFL(graph, SDFLConfig(crop_size=128, backbone="mobilenetv2_100"))
    prediction = model(crops)           # crops uint8 (B, 128, 128, 3) RGB
    prediction.points                   # (B, N, 2), pixels of the crop

Source: Lin et al., "Structure-Coherent Deep Feature Learning for Robust Face Alignment", TIP 2021.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from facelattice.exceptions import ArgumentError
from facelattice.modeling.backbone import make_backbone
from facelattice.modeling.config import CHOICES, SDFLConfig
from facelattice.modeling.edge_weights import EdgeWeights
from facelattice.modeling.graph_layers import GraphConv, GraphHead, LinearHead
from facelattice.modeling.located_embedding import LocatedEmbedding
from facelattice.modeling.node_embedding import FlattenEmbedding
from facelattice.modeling.uncertainty import UncertaintyHead
from facelattice.modeling.visibility import VisibilityHead

DIM = 128  # features of a node in the head


class Prediction(NamedTuple):
    """What the network predicts for a batch of B crops with N landmarks, in pixels of the crop.

    Attributes:
        points: Landmarks, (B, N, 2).
        expected_errors: Expected distance of each landmark from the truth, (B, N).
        visibility_logits: Log-odds that each landmark is visible, (B, N).
        located_points: Positions before the graph, (B, N, 2); None for the "flatten" embedding.
        edge_weights: Edge weights, (B, N, N) or (1, N, N); None without a graph.
    """

    points: Tensor
    expected_errors: Tensor
    visibility_logits: Tensor
    located_points: Tensor | None
    edge_weights: Tensor | None


class SDFL(nn.Module):
    """Structure-coherent deep feature learning with any timm backbone.

    Args:
        graph: Adjacency of the landmarks, bool (N, N), from `landmark_graph.adjacency`.
        config: Options of the network.

    Raises:
        ArgumentError: If an option has a value that does not exist, or the crop size does not fit the strides.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, graph: Tensor, config: SDFLConfig):
        super().__init__()
        strides = _check(config)
        num_points = len(graph)
        self.backbone, channels, mean, std = make_backbone(config, strides)
        self.embedding: LocatedEmbedding | FlattenEmbedding
        if config.embedding == "located":
            self.embedding = LocatedEmbedding(
                num_points, channels, config.crop_size, config.stride4_features, config.separable,
                num_styles=len(config.annotation_styles),
            )  # fmt: skip
        else:
            pool_backbone = config.global_features == "backbone"
            self.embedding = FlattenEmbedding(
                num_points, channels, config.crop_size, config.maps_per_point, pool_backbone
            )
        self.edge_weights: EdgeWeights | None = None
        self.head: GraphHead | LinearHead
        self.regressor: nn.Module
        if config.head == "graph":
            self.edge_weights = EdgeWeights(config.edge_weights, graph, self.embedding.global_dim)
            self.head = GraphHead(self.embedding.node_dim, DIM, config.depth, config.output_bias)
            self.regressor = GraphConv(DIM, 2, config.output_bias)
        else:
            self.head = LinearHead(num_points, self.embedding.node_dim, DIM)
            self.regressor = nn.Linear(DIM, 2)
        for name, parameter in self.regressor.named_parameters():
            if name.endswith("weight"):  # an untrained network predicts the start points
                nn.init.zeros_(parameter)
        point_dim = DIM + self.embedding.node_dim + 2
        self.uncertainty_head = UncertaintyHead(num_points, point_dim)
        self.visibility_head = VisibilityHead(num_points, point_dim)
        self.per_image = config.normalization == "per_image"
        self.register_buffer("mean", 255 * torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", 255 * torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, crops: Tensor, styles: Tensor | None = None) -> Prediction:
        """Predict the landmarks of crops in float32.

        Args:
            crops: RGB uint8 (B, S, S, 3).
            styles: Index of the annotation style of each crop, int64 (B,) or (1,), -1 for the mean of all styles; None
                for the mean. Ignored by networks without styles.
        """
        images = self._normalize(crops)  # (B, 3, S, S)
        # Nodes have features (B, N, node_dim) and global features (B, global_dim).
        maps = self.backbone(images)
        nodes = self.embedding(maps, styles) if isinstance(self.embedding, LocatedEmbedding) else self.embedding(maps)
        with torch.autocast(crops.device.type, enabled=False):  # points need more than the three digits of bf16
            if self.edge_weights is None:
                edge_weights = None
                hidden = self.head(nodes.features)  # (B, N, DIM)
                offsets = self.regressor(hidden)  # (B, N, 2)
            else:
                edge_weights = self.edge_weights(nodes.global_features)  # (B, N, N)
                hidden = self.head(nodes.features, edge_weights)  # (B, N, DIM)
                offsets = self.regressor(hidden, edge_weights)  # (B, N, 2)
            points = nodes.start_points + offsets * self.embedding.pixels_per_unit  # (B, N, 2)
            point_features = torch.cat([hidden, nodes.features, offsets], -1)  # (B, N, DIM + node_dim + 2)
            # detach: the uncertainty loss must not update the landmarks.
            expected_errors = self.uncertainty_head(point_features.detach())  # (B, N)
            visibility_logits = self.visibility_head(point_features)  # (B, N)
        located_points = nodes.start_points if nodes.located else None
        return Prediction(points, expected_errors, visibility_logits, located_points, edge_weights)

    def _normalize(self, crops: Tensor) -> Tensor:
        """Crops uint8 (B, S, S, 3) -> float32 (B, 3, S, S), a channels-last view."""
        images = crops.permute(0, 3, 1, 2).float()
        if not self.per_image:
            return (images - self.mean) / self.std
        mean = images.mean((1, 2, 3), keepdim=True)
        return (images - mean) / (images - mean).square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1)


def _check(config: SDFLConfig) -> tuple[int, ...]:
    """Check the options, and return the strides of the feature maps that the embedding needs."""
    for name, choices in CHOICES.items():
        value = getattr(config, name)
        if value not in choices:
            raise ArgumentError(f"{name} is {' or '.join(map(str, choices))}, not {value!r}")
    if config.annotation_styles and config.embedding != "located":
        raise ArgumentError('annotation_styles need the embedding "located"')
    strides: tuple[int, ...] = FlattenEmbedding.strides
    if config.embedding == "located":
        finest = 4 if config.stride4_features else 8
        strides = tuple(stride for stride in (4, 8, 16, 32) if finest <= stride <= config.max_stride)
    size, largest = config.crop_size, strides[-1]
    if size % largest or size <= 0:
        fitting = max(32, round(size / largest) * largest)
        raise ArgumentError(f"crop size must be a multiple of {largest}, not {size}; try {fitting}")
    return strides
