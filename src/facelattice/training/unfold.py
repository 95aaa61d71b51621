"""Model file -> the weights of the network that it was made of, to train on from, where its checkpoint is not at hand.

weights = unfold(Model(find_model("ibug68")), faces.training, recipe.augment)

In a model file each batch normalization is part of the layer before or behind it. Here it becomes a layer again, with
the statistics that the faces at hand have there, so that training goes on as it was. That takes located nodes, a graph,
and a backbone whose convolutions run in the order in which they are defined, each followed by a
normalization, as in MobileNet, EfficientNet and ResNet. What comes out is compared with the file.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from onnx import numpy_helper
from torch import Tensor, nn
from torch.utils.data import default_collate

from facelattice.datasets.augmentation import AugmentationConfig
from facelattice.datasets.face_crops import FaceCrops
from facelattice.datasets.sample import Sample
from facelattice.exceptions import CheckpointError
from facelattice.inference.onnx_model import Model
from facelattice.modeling.sdfl import SDFL
from facelattice.training.config import recipe_from_yaml
from facelattice.training.onnx_export import TOLERANCE, ExportedNetwork
from facelattice.training.prepare import make_network

BATCHES, BATCH = 4, 32  # of augmented crops that statistics are taken from
COMPARED = 4


def unfold(model: Model, samples: list[Sample], augment: AugmentationConfig) -> dict[str, Tensor]:
    """The network's state, by name, with the statistics of augmented crops of the samples.

    Raises CheckpointError where the network cannot be had back.
    """
    plain = FaceCrops(samples, model.crop_size, model.crop_margin)
    crops = np.stack([plain[0, 0, i % len(plain)]["crop"].numpy() for i in range(COMPARED)])
    try:
        recipe = recipe_from_yaml(OmegaConf.to_yaml(OmegaConf.create(model.info["recipe"])))
        network = make_network(graph_of(model), recipe, pretrained=False).eval()
        norms = _take_weights(model.path, network)
        outputs = ExportedNetwork(network, model.scheme.mirror if recipe.mirrored else None)
        with torch.inference_mode():
            points = outputs(torch.from_numpy(crops))[0].numpy()
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError, OmegaConfBaseException) as error:
        raise CheckpointError(
            f"{model.path}: training cannot begin with a model file of this kind of network, or in 8 bits, or of "
            "another version; begin with its checkpoint"
        ) from error
    difference = np.abs(points - model(crops)[0]).max()
    if not difference <= TOLERANCE:
        raise CheckpointError(
            f"{model.path}: the network that comes out differs by {difference:.3g} px; begin with its checkpoint"
        )
    _give_statistics(norms, network, FaceCrops(samples, model.crop_size, model.crop_margin, augment))
    return network.state_dict()


def graph_of(model: Model) -> Tensor:
    """Whom each point of a model file listens to, bool (N, N)."""
    graph = torch.eye(len(model.scheme), dtype=torch.bool)
    for listener, other, _ in model.info["graph"]["edges"]:
        graph[listener, other] = True
    return graph


def _take_weights(path: Path, network: SDFL) -> list[Any]:
    """Give a network the weights of a model file; returns its batch normalizations, which have no statistics yet: they
    take nothing away and divide by one."""
    graph = onnx.load(path).graph
    values = {t.name.removesuffix(".half"): numpy_helper.to_array(t).astype(np.float32) for t in graph.initializer}
    given = {name: torch.from_numpy(value.copy()) for name, value in values.items()}
    state = {name: given[f"network.{name}"] for name in network.state_dict() if f"network.{name}" in given}
    norms: list[tuple[str, Tensor, Tensor]] = []  # name, factor and addend

    # Convolutions whose normalization is part of them have lost their names, and are there in the order they run in.
    order = [*_pairs(network.backbone, "backbone."), *_pairs(network.embedding.fuse, "embedding.fuse.")]
    folded = [node.input for node in graph.node if node.op_type == "Conv" and node.input[1].startswith("onnx::")]
    for (conv, norm), (_, weight, bias) in zip(order, folded, strict=True):
        # The factor is free, as the statistics will take it back: weights get the size of a fresh layer's.
        factor = given[weight].flatten(1).norm(dim=1).clamp(min=1e-8)
        state[f"{conv}.weight"] = given[weight] / factor[:, None, None, None]
        norms.append((norm, factor, given[bias]))

    products = [given[node.input[1]] for node in graph.node if node.op_type == "MatMul" and "MatMul_" in node.input[1]]
    layers = [f"head.{name}" for name, part in network.head.named_modules() if hasattr(part, "norm")]
    for layer, both in zip(layers, products[: len(layers)], strict=True):
        own, others = both.T.chunk(2)
        bias, shift = given[f"network.{layer}.conv.both.bias"].chunk(2)
        state |= {f"{layer}.conv.own.weight": own, f"{layer}.conv.others.weight": others}
        state[f"{layer}.conv.own.bias"] = bias - shift
        norms.append((f"{layer}.norm", torch.ones_like(shift), shift))
    last, first, second = products[len(layers) :]
    state["last.own.weight"], state["last.others.weight"] = last.T.chunk(2)
    state["last.own.bias"] = given["network.last.both.bias"].chunk(2)[0]
    state["errors.layers.0.weight"], state["errors.layers.2.weight"] = first.T, second.T
    norms.append(("errors.norm", torch.ones(len(first)), torch.zeros(len(first))))

    changed: list[Any] = [network.get_submodule(name) for name, _, _ in norms]
    for (name, factor, addend), norm in zip(norms, changed, strict=True):
        state |= {f"{name}.weight": factor, f"{name}.bias": addend, f"{name}.running_mean": torch.zeros_like(factor)}
        state[f"{name}.running_var"] = torch.ones_like(factor) - norm.eps
    counts = {name: value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")}
    network.load_state_dict(state | counts)
    return changed


def _pairs(part: Any, prefix: str) -> list[tuple[str, str]]:
    """The names of each convolution that a normalization follows, and of that."""
    layers = [(name, layer) for name, layer in part.named_modules() if isinstance(layer, (nn.Conv2d, nn.BatchNorm2d))]
    return [
        (prefix + first, prefix + second)
        for (first, conv), (second, norm) in pairwise(layers)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    ]


@torch.no_grad()
def _give_statistics(norms: list[Any], network: SDFL, crops: FaceCrops) -> None:
    """Let normalizations without statistics have those of augmented crops; what the network computes stays."""
    sums: dict[Any, list[Any]] = {norm: [0, 0, 0] for norm in norms}

    def add(norm: Any, inputs: tuple[Tensor]) -> None:
        values = inputs[0].double().transpose(0, 1).flatten(1)
        for i, more in enumerate((values.shape[1], values.sum(1), values.square().sum(1))):
            sums[norm][i] = sums[norm][i] + more

    hooks = [norm.register_forward_pre_hook(add) for norm in norms]
    chosen = np.random.default_rng(0).choice(len(crops), (BATCHES, BATCH))
    for batch in chosen:
        network(default_collate([crops[0, 0, int(i)] for i in batch])["crop"])
    for norm, hook, (count, total, squares) in zip(norms, hooks, sums.values(), strict=True):
        hook.remove()
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=1e-8)
        norm.bias += norm.weight * mean
        norm.weight *= (variance + norm.eps).sqrt()
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
