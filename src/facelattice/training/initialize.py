"""Initial weights of a run: those of a checkpoint, a model file or a bundled model, as far as they fit.

Example:
    origin = initialize_from("ibug68-fast", network, recipe)  # changes the network in place
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from facelattice.exceptions import CheckpointError
from facelattice.file_search import suggest_path
from facelattice.inference.model_zoo import find_model, list_models
from facelattice.inference.onnx_model import Model
from facelattice.messages import suggest_name
from facelattice.modeling.edge_weights import EdgeWeights
from facelattice.modeling.sdfl import SDFL
from facelattice.training.checkpoint import Checkpoint
from facelattice.training.config import Recipe, recipe_from_yaml
from facelattice.training.onnx_export import FLOAT16_SUFFIX
from facelattice.training.origin import Origin

# The options that determine the layers of the backbone, and those that determine the other layers.
BACKBONE_KEYS = ("backbone", "embedding", "max_stride", "stride4_features")
HEAD_KEYS = ("separable", "head", "edge_weights", "depth", "maps_per_point", "global_features", "output_bias")

POINT_VECTORS, STYLE_VECTORS = "embedding.point_embedding", "embedding.style_embedding"


@dataclass(frozen=True, eq=False)
class InitialWeights:
    """Weights by name, with the graph, the options and the origin of their network.

    Attributes:
        weights: The state dict.
        graph: The graph that the network used, bool (N, N).
        network: Options of the network, as plain values.
        origin: The data that the weights were trained on, and their license.
    """

    weights: dict[str, Tensor]
    graph: Tensor
    network: dict[str, Any]
    origin: Origin


def initialize_from(source: str, network: SDFL, recipe: Recipe) -> Origin:
    """Copy the weights that fit a network by name and shape.

    If the networks differ only in their points, these are the weights of all layers whose size does not depend on the
    number of points. If their graphs differ, the weights of an edge are copied to the same edge, and other edges keep
    their initial weights. The vectors of annotation styles are copied by name; a new style starts from the mean of the
    others.

    Args:
        source: A checkpoint, a model file, or the name of a bundled model.
        network: The network, changed in place.
        recipe: Its recipe.

    Returns:
        The origin of the weights: data, license, and number of copied tensors.

    Raises:
        CheckpointError: If the file cannot be used, or its backbone does not fit.
        ModelError: If the model file cannot be used.
    """
    initial = read_model(find_model(source)) if _is_model(source) else _read_checkpoint(Path(source))
    initial.weights.update(match_styles(initial, recipe.network.annotation_styles))
    own = network.state_dict()
    fitting = {
        name: tensor for name, tensor in initial.weights.items() if name in own and tensor.shape == own[name].shape
    }
    names = weight_names(network)
    if not {name for name in names if name.startswith("backbone.")} <= fitting.keys():
        different = _differences(initial, recipe, BACKBONE_KEYS)
        hint = f" ({', '.join(different)}); remove these keys from the recipe, or init_from" if different else ""
        raise CheckpointError(f"{source}: its backbone does not fit this recipe{hint}")
    edge_weights = network.edge_weights
    if edge_weights is not None and initial.graph.shape == edge_weights.graph.shape:
        prefix = "edge_weights."
        edges = {k.removeprefix(prefix): v for k, v in initial.weights.items() if k.startswith(prefix)}
        matched = match_edge_weights(edge_weights, edges, initial.graph)
        fitting |= {f"{prefix}{name}": tensor for name, tensor in matched.items()}
    network.load_state_dict(fitting, strict=False)
    return replace(
        initial.origin,
        num_tensors=len(fitting.keys() & names),
        differences=tuple(_differences(initial, recipe, (*BACKBONE_KEYS, *HEAD_KEYS))),
    )


def weight_names(network: SDFL) -> set[str]:
    """Return the names of the tensors of a network that model files contain: all but the batch counters."""
    return {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}


def read_initial_recipe(source: str) -> dict[str, Any]:
    """Read the recipe of a model to start from, as plain values; empty if the file does not exist.

    Args:
        source: A checkpoint, a model file, or the name of a bundled model.

    Raises:
        CheckpointError: If the checkpoint is damaged.
        ModelError: If the model file is damaged.
    """
    path = find_model(source) if _is_model(source) else Path(source)
    if not path.is_file():
        return {}
    if _is_model(source):
        return Model(path).info.recipe
    return asdict(recipe_from_yaml(Checkpoint.load(path).recipe))


def _is_model(source: str) -> bool:
    return Path(source).suffix.lower() == ".onnx" or source in list_models()


def _differences(initial: InitialWeights, recipe: Recipe, keys: Iterable[str]) -> list[str]:
    """Return the options of the network that differ between the recipe and the initial weights, with both values."""
    own = vars(recipe.network)
    return [
        f"network.{key} is {own[key]}, there {initial.network[key]}"
        for key in keys
        if key in initial.network and initial.network[key] != own[key]
    ]


def match_styles(initial: InitialWeights, styles: Sequence[str]) -> dict[str, Tensor]:
    """Return the vectors of annotation styles for a network with other styles.

    Args:
        initial: Weights of a network, with or without styles.
        styles: Names of the styles of the new network. If it has none, its landmarks get the mean of the vectors.

    Returns:
        Tensors by name, the vectors in the order of ``styles``; nothing if the initial weights have no styles.
    """
    vectors = initial.weights.get(STYLE_VECTORS)
    if vectors is None:
        return {}
    mean = vectors.mean(0)
    if not styles:
        return {POINT_VECTORS: initial.weights[POINT_VECTORS] + mean}
    by_name = dict(zip(initial.network["annotation_styles"], vectors, strict=True))
    return {STYLE_VECTORS: torch.stack([by_name.get(style, mean) for style in styles])}


def match_edge_weights(module: EdgeWeights, state: dict[str, Tensor], graph: Tensor) -> dict[str, Tensor]:
    """Reorder the tensors of ``state`` that have an entry per edge to the edges of ``module``.

    Args:
        module: Edge weights of the new network.
        state: State dict of the edge weights of another network.
        graph: The graph of the other network, bool (N, N).

    Returns:
        Tensors by name. Edges that the other network does not have keep their present values.
    """
    index = torch.full(graph.shape, -1)
    index[graph] = torch.arange(int(graph.sum()))
    other_index = index[module.graph]  # for every edge of the module its index in the other network, or -1
    shared = other_index >= 0
    matched = {}
    for name, own in module.state_dict().items():
        axis = {"logits.3.weight": 0, "logits.3.bias": 0, "logits": 1}.get(name)
        if axis is not None and name in state:
            matched[name] = own.clone()
            matched[name].transpose(0, axis)[shared] = state[name].transpose(0, axis)[other_index[shared]]
    return matched


def read_model(path: Path) -> InitialWeights:
    """Read the weights of a model file that `onnx_export.export` wrote.

    Raises:
        CheckpointError: If the backbone is quantized, or the network is of another version.
        ModelError: If the model file cannot be used.
    """
    info = Model(path).info
    if info.int8:
        raise CheckpointError(
            f"{path}: its backbone is quantized; start from its checkpoint, or from an unquantized file"
        )
    weights = {}
    for tensor in onnx.load(path).graph.initializer:
        name = tensor.name.removesuffix(FLOAT16_SUFFIX)
        if name.startswith("network."):
            values = numpy_helper.to_array(tensor)
            values = values.astype(np.float32) if values.dtype == np.float16 else values.copy()
            weights[name.removeprefix("network.")] = torch.from_numpy(values)
    network = info.recipe.get("network", {})
    graph = torch.full((len(info.scheme),) * 2, network.get("edge_weights") == "dense")
    graph.fill_diagonal_(True)
    for landmark, neighbor, _ in (info.graph or {}).get("edges", []):
        graph[landmark, neighbor] = True
    return InitialWeights(weights, graph, network, Origin(info.data, info.license))


def _read_checkpoint(path: Path) -> InitialWeights:
    if not path.is_file():
        hint = suggest_name(path.name, list_models())
        known = f"bundled models: {', '.join(list_models())}{f'; {hint}' if hint else suggest_path(path)}"
        raise CheckpointError(f"init_from: {path}: no such file; {known}")
    checkpoint = Checkpoint.load(path)
    network = vars(recipe_from_yaml(checkpoint.recipe).network)
    graph = checkpoint.metadata["graph"]
    if network["edge_weights"] == "dense":
        graph = torch.ones_like(graph)
    elif network["symmetric"]:
        graph = graph | graph.T
    origin = Origin(checkpoint.metadata["data"], checkpoint.metadata["license"])
    return InitialWeights(checkpoint.ema_weights, graph, network, origin)
