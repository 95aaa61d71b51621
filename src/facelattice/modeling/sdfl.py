"""SDFL: an image of a face in, its landmarks and their expected errors out.

model = SDFL(graph, size=128, backbone="mobilenetv2_100")
prediction = model(crops)           # crops uint8 (B, 128, 128, 3) RGB
prediction.points                   # (B, N, 2), pixels of the crop
"""

from __future__ import annotations

import difflib
from typing import Any, NamedTuple

import timm
import torch
from timm.models import load_state_dict
from torch import Tensor, nn

from facelattice.modeling.graph_layers import EdgeWeights, GraphConv, GraphHead, LinearHead
from facelattice.modeling.node_embedding import FlattenEmbedding, LocatedEmbedding
from facelattice.modeling.uncertainty import ExpectedErrors


class Prediction(NamedTuple):
    """points (B, N, 2) and expected_errors (B, N), their expected distance from the truth; anchors (B, N, 2) where the embedding
    located the points before the graph, else None; weights (B or 1, N, N) of the edges, None without a graph. In pixels
    of the crop."""

    points: Tensor
    expected_errors: Tensor
    anchors: Tensor | None
    weights: Tensor | None


class SDFL(nn.Module):
    """Structure-coherent deep feature learning (Lin et al., TIP 2021) over any timm backbone.

    graph: bool (N, N), who listens to whom (`method.graph.neighbors`).
    size: side of the square crops, pixels; a multiple of the deepest map's stride.
    backbone, pretrained: a timm model's name; False for a random start, True for timm's weights, or a weight file.
    embedding: "located" (ours, from the backbone's maps down to stride ``deepest``, 16 or 32, where ``closer`` with a
    look at that of stride 4, where ``separable`` with fewer weights) or "flatten" (the paper's, with ``expansion`` maps
    a landmark).
    head: "graph", or "linear" for the fully connected baseline; ``edges`` as in `EdgeWeights`; ``depth`` residual
    blocks.
    pooled: "nodes" (the paper) or "backbone" (the released code), what the flatten embedding's edge weights are made
    from.
    normalization: "backbone" (the mean and deviation it was trained with) or "image" (each image's own, the
    paper's).

    Raises ValueError for a size that does not fit and for names that do not exist.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        graph: Tensor,
        size: int = 128,
        backbone: str = "mobilenetv2_100",
        pretrained: bool | str = False,
        embedding: str = "located",
        deepest: int = 32,
        closer: bool = False,
        separable: bool = False,
        head: str = "graph",
        edges: str = "dynamic",
        depth: int = 4,
        expansion: int = 4,
        pooled: str = "nodes",
        normalization: str = "backbone",
    ):
        super().__init__()
        for name, value, choices in (
            ("embedding", embedding, ("located", "flatten")),
            ("deepest", deepest, (16, 32)),
            ("head", head, ("graph", "linear")),
            ("pooled", pooled, ("nodes", "backbone")),
            ("normalization", normalization, ("backbone", "image")),
        ):
            if value not in choices:
                raise ValueError(f"{name} is {' or '.join(map(str, choices))}, not {value!r}")
        points = len(graph)
        finest = 4 if closer else 8
        strides = tuple(stride for stride in (4, 8, 16, 32) if finest <= stride <= deepest)
        reductions = strides if embedding == "located" else FlattenEmbedding.reductions
        if size % reductions[-1] or size <= 0:
            fitting = max(32, round(size / reductions[-1]) * reductions[-1])
            raise ValueError(f"crop size must be a multiple of {reductions[-1]}, not {size}; try {fitting}")
        self.backbone, channels, statistics = make_backbone(backbone, pretrained, reductions)
        self.embedding: LocatedEmbedding | FlattenEmbedding
        if embedding == "located":
            self.embedding = LocatedEmbedding(points, channels, size, closer, separable)
        else:
            self.embedding = FlattenEmbedding(points, channels, size, expansion, pooled == "backbone")
        width = 128
        self.edges: EdgeWeights | None = None
        self.head: GraphHead | LinearHead
        self.last: nn.Module
        if head == "graph":
            self.edges = EdgeWeights(edges, graph, self.embedding.pooled)
            self.head = GraphHead(self.embedding.features, width, depth)
            self.last = GraphConv(width, 2)
        else:
            self.head = LinearHead(points, self.embedding.features, width)
            self.last = nn.Linear(width, 2)
        for name, parameter in self.last.named_parameters():
            if name.endswith("weight"):  # the first prediction is where the embedding says, or the middle of the crop
                nn.init.zeros_(parameter)
        self.errors = ExpectedErrors(points, width + self.embedding.features + 2)
        self.per_image = normalization == "image"
        self.register_buffer("mean", 255 * torch.tensor(statistics[0])[:, None, None], persistent=False)
        self.register_buffer("std", 255 * torch.tensor(statistics[1])[:, None, None], persistent=False)

    def forward(self, crops: Tensor) -> Prediction:
        """Crops uint8 (B, size, size, 3), RGB -> Prediction, float32."""
        x = crops.permute(0, 3, 1, 2).float()  # a view: such crops lie channels-last already
        if self.per_image:
            mean = x.mean((1, 2, 3), keepdim=True)
            x = (x - mean) / (x - mean).square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1)
        else:
            x = (x - self.mean) / self.std
        nodes = self.embedding(self.backbone(x))
        with torch.autocast(x.device.type, enabled=False):  # a point needs more digits than bf16 has
            if self.edges is None:
                weights = None
                hidden = self.head(nodes.features)
                offsets = self.last(hidden)
            else:
                weights = self.edges(nodes.pooled)
                hidden = self.head(nodes.features, weights)
                offsets = self.last(hidden, weights)
            points = nodes.anchors + offsets * self.embedding.step
            evidence = torch.cat([hidden, nodes.features, offsets], -1)
            errors = self.errors(evidence.detach())  # being honest must not move the points
        return Prediction(points, errors, nodes.anchors if nodes.located else None, weights)


Color = tuple[float, float, float]


def make_backbone(
    name: str, pretrained: bool | str, reductions: tuple[int, ...]
) -> tuple[nn.Module, list[int], tuple[Color, Color]]:
    """A timm model that gives its last maps at these strides, and no deeper layer than they need.

    Returns it with the channels of the maps, and the mean and deviation, in [0, 1], of the images it was trained on.
    ``pretrained`` may be a weight file (.safetensors or .pth in timm's names). Raises ValueError for an unknown name,
    a model without maps at these strides, weights that cannot be downloaded, or a file that does not hold them.
    """
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=5)
        raise ValueError(f"timm has no backbone {name!r}" + (f"; near it are {', '.join(near)}" if near else ""))
    # timm's "getter" drops the layers behind the last map; models without it (HRNet) need nearly all of theirs.
    has_getter = hasattr(timm.create_model(name), "forward_intermediates")
    getter: dict[str, Any] = {"feature_cls": "getter"} if has_getter else {}
    model: Any = timm.create_model(name, features_only=True, **getter)
    found = model.feature_info.reduction()
    if not set(reductions) <= set(found):
        raise ValueError(f"backbone {name!r} has maps at strides {found}, but {list(reductions)} are needed")
    indices = tuple(max(i for i, r in enumerate(found) if r == wanted) for wanted in reductions)
    file = pretrained if isinstance(pretrained, str) else None
    given = _names_in(file) if file is not None else None
    try:
        model = timm.create_model(
            name,
            pretrained=bool(pretrained),
            features_only=True,
            out_indices=indices,
            pretrained_cfg_overlay={"file": file} if file is not None else None,
            **getter,
        )
    except Exception as error:  # what a download raises depends on where it is stopped
        if not pretrained:
            raise
        if file is not None:
            raise ValueError(f"{file}: weights of another network than {name}: {_cause(error)}") from error
        raise ValueError(
            f"the weights of {name} cannot be downloaded ({_cause(error)}); begin without (network.pretrained=false), "
            "with a file of them (network.weights=FILE) or with a bundled model (start=ibug68-fast)"
        ) from error
    if given is not None:  # of weights that a file lacks timm says nothing
        needed = [key.removeprefix("model.") for key in model.state_dict() if not key.endswith("num_batches_tracked")]
        # Some of timm's wrappers write blocks_0 for blocks.0.
        absent = [key for key in needed if key.replace(".", "_") not in given]
        if absent:
            lacks = f"{len(absent)} of the {len(needed)} are not in it, such as {absent[0]}"
            raise ValueError(f"{file}: weights of another network than {name}: {lacks}")
    return model, model.feature_info.channels(), (model.pretrained_cfg["mean"], model.pretrained_cfg["std"])


def _names_in(file: str) -> set[str]:
    """The names of a file's weights, with _ for every dot. Raises ValueError where it is no file of weights."""
    try:
        return {key.replace(".", "_") for key in load_state_dict(file)}
    except FileNotFoundError as error:
        raise ValueError(f"{file}: there is no such file of weights") from error
    except Exception as error:  # what unpickling raises depends on what the file is
        raise ValueError(f"{file}: not a .safetensors or .pth file of weights, or damaged") from error


def _cause(error: BaseException) -> str:
    """The error at the bottom, in one line: those above it say what was tried, not what went wrong."""
    while deeper := error.__cause__ or error.__context__:
        error = deeper
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
