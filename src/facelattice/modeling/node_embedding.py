"""Node embedding: from the backbone's maps to features of each landmark (section III-A), in two kinds.

`FlattenEmbedding` is the paper's: some maps for each landmark, flattened, and where things are is left to be learned. `LocatedEmbedding`
is ours: each landmark has one finer map whose spatial softmax says where it seems to be and how sure that is, and takes
its features from there. Both give the same `Nodes`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Nodes(NamedTuple):
    """features (B, N, D) of each landmark; pooled (B, P), what edge weights are made from; anchors (B, N, 2) or (1, 1,
    2), crop pixels, where the head's corrections start from; located: whether the anchors are seen in the image."""

    features: Tensor
    pooled: Tensor
    anchors: Tensor
    located: bool


class FlattenEmbedding(nn.Module):
    """H = phi(F): N groups of ``expansion`` maps, each group flattened into one node (eq. 1).

    ``reductions`` are the strides of the maps it wants, ``step`` the pixels that a head output of 1 stands for.
    """

    reductions = (32,)
    center: Tensor

    def __init__(self, points: int, channels: list[int], size: int, expansion: int, pool_backbone: bool):
        super().__init__()
        self.phi = nn.Sequential(
            *(nn.Conv2d(channels[-1], 256, 3, padding=1, bias=False), nn.BatchNorm2d(256), nn.ReLU(inplace=True)),
            *(nn.Conv2d(256, points * expansion, 3, padding=1, bias=False), nn.BatchNorm2d(points * expansion)),
            nn.ReLU(inplace=True),
        )
        self.points, self.pool_backbone = points, pool_backbone
        self.features = expansion * (-(-size // 32)) ** 2
        self.pooled = channels[-1] if pool_backbone else points * expansion
        self.step = size / 4
        self.register_buffer("center", torch.full((1, 1, 2), (size - 1) / 2), persistent=False)

    def forward(self, maps: list[Tensor]) -> Nodes:
        embedded = self.phi(maps[-1])
        source = maps[-1] if self.pool_backbone else embedded
        # reshape, not flatten: the maps may lie channels-last in memory, the groups of channels are still the nodes.
        features = embedded.reshape(-1, self.points, self.features)
        return Nodes(features.float(), source.float().mean((2, 3)), self.center, located=False)


class LocatedEmbedding(nn.Module):
    """Each node knows where it seems to be: one map a landmark at stride 8, its spatial softmax and what lies under it.

    The map is made from the backbone's maps at stride 8 and coarser ones, each added to the next finer (Lin et al.,
    "Feature Pyramid Networks", CVPR 2017): the deepest see the whole face, which a hidden point needs.

    A node's features are its map, the image's features under it, its position, the spread and the peak of the map (a
    hidden point has a wide, low one, so neighbors can tell whom to trust), and a learned vector of its own. The edge
    weights are made from the pooled features and all the spreads.

    With ``closer`` the first of the backbone's maps is one at stride 4, and a node also gets what that shows in 3 x 3
    places around its position, 4 px apart: the position itself is a mean over cells of 8 px.

    With ``separable`` the joined maps are smoothed channel by channel and then mixed across channels, not both at once:
    a small network takes a sixth less time (Howard et al., "MobileNets", 2017).
    """

    grid: Tensor
    reach: Tensor
    center: Tensor

    def __init__(
        self,
        points: int,
        channels: list[int],
        size: int,
        closer: bool = False,
        separable: bool = False,
        width: int = 128,
        own: int = 16,
    ):
        super().__init__()
        self.close: LocalFeatures | None = None
        if closer:
            self.close, channels = LocalFeatures(channels[0], width, size), channels[1:]
        self.laterals = nn.ModuleList(nn.Conv2d(count, width, 1) for count in channels)
        mix: nn.Module = nn.Conv2d(width, width, 3, padding=1, bias=False)
        if separable:
            smooth = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
            mix = nn.Sequential(smooth, nn.Conv2d(width, width, 1, bias=False))
        self.fuse = nn.Sequential(
            nn.BatchNorm2d(width), nn.ReLU(inplace=True), mix, nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.maps = nn.Conv2d(width, points, 1)
        self.own = nn.Parameter(torch.randn(points, own) * 0.1)
        cells = -(-size // 8)
        self.features = cells * cells + width + 2 + 2 + own + (self.close.features if self.close is not None else 0)
        self.pooled = width + points
        self.step = 8.0
        # Cell i of the grid looks at pixels 8 i to 8 i + 7; positions are found in [-1, 1] and then turned into pixels.
        self.register_buffer("grid", torch.linspace(-1, 1, cells), persistent=False)
        self.register_buffer("reach", torch.tensor(8 * (cells - 1) / 2), persistent=False)
        self.register_buffer("center", torch.tensor((size - 1) / 2), persistent=False)

    def forward(self, maps: list[Tensor]) -> Nodes:
        if self.close is not None:
            finest, *maps = maps
        *finer, joined = (lateral(each) for lateral, each in zip(self.laterals, maps, strict=True))
        for each in reversed(finer):
            joined = each + F.interpolate(joined, size=each.shape[-2:])
        fused = self.fuse(joined)
        # Positions need more than bf16's three digits: from here on everything is float32.
        with torch.autocast(fused.device.type, enabled=False):
            fused = fused.float()
            logits, cells = self.maps(fused).flatten(2), fused.flatten(2)
            share = logits.softmax(-1)
            by_row_column = share.unflatten(2, (len(self.grid), len(self.grid)))
            columns, rows = by_row_column.sum(2), by_row_column.sum(3)
            position = torch.stack([columns @ self.grid, rows @ self.grid], -1)
            spread = ((columns + rows) @ self.grid**2 - position.square().sum(-1)).clamp(min=1e-6).sqrt()
            own = self.own.expand(share.shape[0], -1, -1)  # .shape, not len(): a traced batch stays free
            seen = share @ cells.transpose(1, 2)
            peak = share.amax(-1, keepdim=True)
            features = torch.cat([logits, seen, position, spread[..., None], peak, own], -1)
            if self.close is not None:
                features = torch.cat([features, self.close(finest.float(), fused, position)], -1)
            pooled = torch.cat([cells.mean(-1), spread], -1)
            return Nodes(features, pooled, position * self.reach + self.center, located=True)


class LocalFeatures(nn.Module):
    """What a map at stride 4, told by the coarser features what it looks at, shows around each position."""

    around: Tensor

    def __init__(self, channels: int, context: int, size: int, width: int = 32):
        super().__init__()
        self.own, self.context = nn.Conv2d(channels, width, 1, bias=False), nn.Conv2d(context, width, 1)
        self.norm = nn.BatchNorm2d(width)
        self.features = 9 * width
        # A step of 4 px, in LocatedEmbedding's units: half the way between the middles of stride 8's outermost cells.
        step = torch.linspace(-1, 1, 3) * 4 / (8 * (-(-size // 8) - 1) / 2)
        self.register_buffer("around", torch.cartesian_prod(step, step), persistent=False)

    def forward(self, finest: Tensor, fused: Tensor, position: Tensor) -> Tensor:
        """Maps at stride 4 (B, channels, 2 h, 2 w), the fused ones at stride 8 (B, context, h, w), and positions (B, N,
        2) in LocatedEmbedding's [-1, 1] -> (B, N, 9 width). Positions are held fixed: where to look is learned by their own
        loss."""
        context = F.interpolate(self.context(fused), size=finest.shape[-2:])
        detail = self.norm(self.own(finest) + context).relu()
        return self.around_position(detail, position.detach())

    def around_position(self, detail: Tensor, position: Tensor) -> Tensor:
        """What maps (B, width, 2 h, 2 w) show in the 9 places: (B, N, 9 width)."""
        # From the middles of stride 8's outermost cells to the edges of the image, between which grid_sample counts.
        cells = detail.shape[-1] // 2
        places = (position[:, :, None] + self.around) * ((cells - 1) / cells)
        seen = F.grid_sample(detail, places, align_corners=False, padding_mode="border")
        return seen.permute(0, 2, 3, 1).flatten(2)
