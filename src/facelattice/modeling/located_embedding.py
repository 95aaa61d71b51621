"""Located nodes: one heatmap per landmark gives its position, which the graph then corrects. Ours, not the paper's."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facelattice.modeling.node_embedding import Nodes


class LocatedEmbedding(nn.Module):
    """A heatmap at stride 8 for each landmark; its spatial softmax gives the landmark's position and features.

    The backbone's feature maps are fused from the coarsest to the one at stride 8, as in a feature pyramid: coarse maps
    cover the whole face, which occluded landmarks need. The features of a node are its heatmap, the image features
    under it, its position, the standard deviation and the peak of the heatmap, and a learned vector. An occluded
    landmark has a wide, low heatmap, so its neighbors can rely on it less. Edge weights are predicted from the mean
    image features and the standard deviations of all heatmaps.

    Args:
        num_points: Number of landmarks N.
        channels: Channels of the backbone's feature maps, the finest first.
        crop_size: Side of the crop in pixels.
        stride4_features: The finest feature map has stride 4. Its features in 3 x 3 places around the position, 4 px
            apart, are added to the node: the position itself is an average over cells of 8 px.
        separable: Fuse with a depthwise separable convolution.
        dim: Channels of the fused feature map.
        point_dim: Length of the learned vector of each landmark.
        num_styles: Number of annotation styles. Annotators place the same landmark differently. A learned vector for
            each style and landmark is added to that of the landmark.

    Attributes:
        node_dim: Length of a node's features.
        global_dim: Length of the global features.
        pixels_per_unit: Pixels of the crop that a head output of 1 stands for.

    Source: Lin et al., "Feature Pyramid Networks", CVPR 2017; Howard et al., "MobileNets", 2017 (separable
        convolution).
    """

    grid: Tensor
    half_extent: Tensor
    center: Tensor

    def __init__(
        self,
        num_points: int,
        channels: list[int],
        crop_size: int,
        stride4_features: bool = False,
        separable: bool = False,
        dim: int = 128,
        point_dim: int = 16,
        num_styles: int = 0,
    ):
        super().__init__()
        self.local_features: LocalFeatures | None = None
        if stride4_features:
            self.local_features, channels = LocalFeatures(channels[0], dim, crop_size), channels[1:]
        self.laterals = nn.ModuleList(nn.Conv2d(count, dim, 1) for count in channels)
        mix: nn.Module = nn.Conv2d(dim, dim, 3, padding=1, bias=False)
        if separable:
            depthwise = nn.Conv2d(dim, dim, 3, padding=1, groups=dim, bias=False)
            mix = nn.Sequential(depthwise, nn.Conv2d(dim, dim, 1, bias=False))
        self.fuse = nn.Sequential(
            nn.BatchNorm2d(dim), nn.ReLU(inplace=True), mix, nn.BatchNorm2d(dim), nn.ReLU(inplace=True)
        )
        self.heatmaps = nn.Conv2d(dim, num_points, 1)
        self.point_embedding = nn.Parameter(torch.randn(num_points, point_dim) * 0.1)
        self.style_embedding: nn.Parameter | None = None
        if num_styles:  # an untrained network has no style
            self.style_embedding = nn.Parameter(torch.zeros(num_styles, num_points, point_dim))
        cells = -(-crop_size // 8)
        self.node_dim = cells * cells + dim + 2 + 2 + point_dim
        self.node_dim += 0 if self.local_features is None else self.local_features.out_dim
        self.global_dim = dim + num_points
        self.pixels_per_unit = 8.0
        # Cell i of the grid covers pixels 8 i to 8 i + 7. Positions are computed in [-1, 1] and then scaled to pixels.
        self.register_buffer("grid", torch.linspace(-1, 1, cells), persistent=False)
        self.register_buffer("half_extent", torch.tensor(8 * (cells - 1) / 2), persistent=False)
        self.register_buffer("center", torch.tensor((crop_size - 1) / 2), persistent=False)

    def forward(self, feature_maps: list[Tensor], styles: Tensor | None = None) -> Nodes:
        """Locate the landmarks and collect their features.

        Args:
            feature_maps: Feature maps at strides (4,) 8, 16 (, 32), the finest first: (B, C, S / stride, S / stride).
            styles: Index of the annotation style of each crop, int64 (B,) or (1,), -1 for the mean of all styles; None
                for the mean.

        Returns:
            The nodes, float32, starting at the located points.
        """
        if self.local_features is not None:
            stride4, *feature_maps = feature_maps
        *finer, fused = (lateral(each) for lateral, each in zip(self.laterals, feature_maps, strict=True))
        for each in reversed(finer):
            fused = each + F.interpolate(fused, size=each.shape[-2:])
        fused = self.fuse(fused)  # (B, dim, h, w) with h = w = S / 8
        # Positions need more than the three digits of bf16: float32 from here on.
        with torch.autocast(fused.device.type, enabled=False):
            fused = fused.float()
            heatmaps = self.heatmaps(fused).flatten(2)  # (B, N, h * w)
            probability = heatmaps.softmax(-1)  # (B, N, h * w)
            rows_columns = probability.unflatten(2, (len(self.grid), len(self.grid)))  # (B, N, h, w)
            columns, rows = rows_columns.sum(2), rows_columns.sum(3)  # (B, N, w), (B, N, h)
            position = torch.stack([columns @ self.grid, rows @ self.grid], -1)  # (B, N, 2) in [-1, 1]
            variance = (columns + rows) @ self.grid**2 - position.square().sum(-1)  # (B, N)
            std = variance.clamp(min=1e-6).sqrt()
            image_features = fused.flatten(2)  # (B, dim, h * w)
            at_point = probability @ image_features.transpose(1, 2)  # (B, N, dim)
            peak = probability.amax(-1, keepdim=True)  # (B, N, 1)
            point = self._point_vectors(styles).expand(fused.shape[0], -1, -1)  # (B, N, point_dim)
            features = torch.cat([heatmaps, at_point, position, std[..., None], peak, point], -1)
            if self.local_features is not None:
                features = torch.cat([features, self.local_features(stride4.float(), fused, position)], -1)
            global_features = torch.cat([image_features.mean(-1), std], -1)  # (B, dim + N)
            return Nodes(features, global_features, position * self.half_extent + self.center, located=True)

    def _point_vectors(self, styles: Tensor | None) -> Tensor:
        """Return the learned vectors of the landmarks, (N, point_dim), or (B, N, point_dim) with styles (B,)."""
        if self.style_embedding is None:
            return self.point_embedding
        mean = self.style_embedding.mean(0, keepdim=True)
        if styles is None:
            return self.point_embedding + mean
        return self.point_embedding + torch.cat([self.style_embedding, mean])[styles]  # -1 is the mean


class LocalFeatures(nn.Module):
    """Features of the map at stride 4 in 3 x 3 places around each position, conditioned on the fused map.

    Args:
        in_channels: Channels of the feature map at stride 4.
        context_dim: Channels of the fused feature map at stride 8.
        crop_size: Side of the crop in pixels.
        dim: Channels that are read at each place.

    Attributes:
        out_dim: Length of the features, 9 x ``dim``.
    """

    offsets: Tensor

    def __init__(self, in_channels: int, context_dim: int, crop_size: int, dim: int = 32):
        super().__init__()
        self.detail, self.context = nn.Conv2d(in_channels, dim, 1, bias=False), nn.Conv2d(context_dim, dim, 1)
        self.norm = nn.BatchNorm2d(dim)
        self.out_dim = 9 * dim
        # 4 px in the units of LocatedEmbedding: [-1, 1] from the center of the first cell of stride 8 to the last.
        offset = torch.linspace(-1, 1, 3) * 4 / (8 * (-(-crop_size // 8) - 1) / 2)
        self.register_buffer("offsets", torch.cartesian_prod(offset, offset), persistent=False)

    def forward(self, stride4: Tensor, fused: Tensor, position: Tensor) -> Tensor:
        """Read the features around the positions. The positions are detached: their own loss trains them.

        Args:
            stride4: Feature map (B, in_channels, 2 h, 2 w).
            fused: Feature map (B, context_dim, h, w).
            position: Located points (B, N, 2) in [-1, 1].

        Returns:
            Features (B, N, out_dim).
        """
        context = F.interpolate(self.context(fused), size=stride4.shape[-2:])
        detail = self.norm(self.detail(stride4) + context).relu()  # (B, dim, 2 h, 2 w)
        return self.sample_around(detail, position.detach())

    def sample_around(self, detail: Tensor, position: Tensor) -> Tensor:
        """Sample maps (B, dim, 2 h, 2 w) in 9 places around positions (B, N, 2): (B, N, 9 dim)."""
        # [-1, 1] is from edge to edge of the image in grid_sample, but from the first to the last cell center here.
        cells = detail.shape[-1] // 2
        places = (position[:, :, None] + self.offsets) * ((cells - 1) / cells)  # (B, N, 9, 2)
        sampled = F.grid_sample(detail, places, align_corners=False, padding_mode="border")  # (B, dim, N, 9)
        return sampled.permute(0, 2, 3, 1).flatten(2)
