"""Options of the network and of its loss: one dataclass each, used by recipes, constructors and checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class SDFLConfig:
    """Options of `SDFL`. Sections and equations are those of the paper (Lin et al., TIP 2021).

    Attributes:
        crop_size: Side of the square crops in pixels, a multiple of the largest stride.
        backbone: Name of a timm model with feature maps at strides 8, 16 and 32.
        pretrained: Start the backbone from timm's pretrained weights.
        pretrained_file: File of pretrained backbone weights (.safetensors or .pth, timm's names) in place of a
            download.
        embedding: "located", one heatmap per landmark, or "flatten", the feature maps of the paper (section III-A).
        max_stride: Largest stride of the feature maps that "located" uses, 16 or 32.
        stride4_features: "located" also reads the feature map at stride 4 around each located point.
        separable: "located" fuses its feature maps with a depthwise separable convolution, which is faster.
        head: "graph", the graph layers of the paper, or "linear", the fully connected baseline.
        edge_weights: "dynamic", predicted for every image (section III-C), "static", "binary" or "dense".
        depth: Number of residual blocks of the graph head.
        maps_per_point: Feature maps per landmark of "flatten"; n in eq. 1.
        global_features: Feature maps that "flatten" predicts edge weights from: "nodes" (the paper) or "backbone" (the
            released code).
        normalization: "backbone", the mean and standard deviation of the backbone's pretraining, or "per_image", the
            z-score of every image (the paper).
        k: Neighbors of each landmark in the graph (eq. 4). A recipe for fewer than four points has a lower default.
        symmetric: Use every edge in both directions, as the released code does.
        output_bias: Add the bias of eq. 6 to the output of a node, as in the paper. False multiplies the bias by the
            weight of the edge from the node to itself, as in the bundled models.
        annotation_styles: Names of the annotation styles that "located" can imitate. Each has a learned vector for
            every landmark. A dataset of a recipe names its style; without a name the mean of all vectors is used.
    """

    crop_size: int = 128
    backbone: str = "mobilenetv2_100"
    pretrained: bool = False
    pretrained_file: str | None = None
    embedding: str = "located"
    max_stride: int = 32
    stride4_features: bool = False
    separable: bool = False
    head: str = "graph"
    edge_weights: str = "dynamic"
    depth: int = 4
    maps_per_point: int = 4
    global_features: str = "nodes"
    normalization: str = "backbone"
    k: int = 3
    symmetric: bool = False
    output_bias: bool = False
    annotation_styles: list[str] = field(default_factory=list)


@dataclass
class LossConfig:
    """The loss on the points, and the weights of the other terms.

    Attributes:
        function: Name of the elementwise loss, a key of `losses.LOSSES`.
        relative_weight: Weight of the relative location loss (eq. 9).
        located_weight: Weight of the loss on the located points, the positions before the graph.
        uncertainty_weight: Weight of the loss that trains the expected errors. It does not move the points.
        visibility_weight: Weight of the loss that trains the visibility.
    """

    function: str = "soft_wing"
    relative_weight: float = 1.0
    located_weight: float = 0.5
    uncertainty_weight: float = 1.0
    visibility_weight: float = 1.0


CHOICES: dict[str, tuple[str | int, ...]] = {
    "embedding": ("located", "flatten"),
    "max_stride": (16, 32),
    "head": ("graph", "linear"),
    "edge_weights": ("dynamic", "static", "binary", "dense"),
    "global_features": ("nodes", "backbone"),
    "normalization": ("backbone", "per_image"),
}
