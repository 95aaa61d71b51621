"""What a run begins with: the weights of another run's checkpoint, or of a model file, as far as they fit.

learned = initialize_from("ibug68-fast", network, recipe, faces.training)     # in place
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from omegaconf import OmegaConf
from torch import Tensor

from facelattice.datasets.sample import Sample
from facelattice.exceptions import CheckpointError
from facelattice.inference.model_zoo import find_model, list_models
from facelattice.inference.onnx_model import Model
from facelattice.modeling.sdfl import SDFL
from facelattice.training import checkpoint
from facelattice.training.config import Recipe
from facelattice.training.unfold import graph_of, unfold

# What decides which layers a network has, beside its points and its graph.
SHAPE = ("size", *(f"network.{name}" for name in ("backbone", "deepest", "embedding", "closer", "separable", "depth")))


class Start(NamedTuple):
    """Weights by name, the graph bool (N, N) whose edges they know, the recipe that they are of, as plain values, and
    what they were learned from: name and terms."""

    weights: dict[str, Tensor]
    graph: Tensor
    recipe: Any
    data: list[dict[str, str]]


def initialize_from(start: str, network: SDFL, recipe: Recipe, samples: list[Sample]) -> tuple[int, list[dict[str, str]]]:
    """Give a network the weights of a checkpoint, a model file or a bundled model that fit it by name and shape.

    Where the runs differ in their points only, that is all but the layers whose size depends on how many there are.
    Other faces make another graph: weights of edges go to the same edges, and new ones begin as they are.
    Returns how many of its tensors that are, and what they were learned from. Raises CheckpointError or ModelError for
    a file that cannot be used, CheckpointError where its backbone does not fit.
    """
    given = _of_model(find_model(start), recipe, samples) if _is_model(start) else _of_checkpoint(Path(start))
    own = network.state_dict()
    fitting = {
        name: tensor for name, tensor in given.weights.items() if name in own and tensor.shape == own[name].shape
    }
    if any(name.startswith("backbone.") and name not in fitting for name in own):
        theirs, ours = OmegaConf.create(given.recipe), OmegaConf.structured(recipe)
        values = {key: OmegaConf.select(theirs, key) for key in SHAPE}
        others = " ".join(f"{key}={v}" for key, v in values.items() if v not in (None, OmegaConf.select(ours, key)))
        raise CheckpointError(f"{start}: its backbone does not fit this recipe's; to begin with it set {others}")
    if network.edges is not None and given.graph.shape == network.edges.graph.shape:
        edges = {name.removeprefix("edges."): tensor for name, tensor in given.weights.items()}
        fitting |= {f"edges.{name}": tensor for name, tensor in network.edges.placed(edges, given.graph).items()}
    network.load_state_dict(fitting, strict=False)
    return len(fitting), given.data


def _is_model(start: str) -> bool:
    return Path(start).suffix.lower() == ".onnx" or start in list_models()


def _of_checkpoint(path: Path) -> Start:
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file; bundled models: {', '.join(list_models())}")
    state = checkpoint.load(path)
    return Start(state["ema"], _used(state["info"]["graph"], state["recipe"]), state["recipe"], state["info"]["data"])


def _of_model(path: Path, recipe: Recipe, samples: list[Sample]) -> Start:
    model = Model(path)
    weights = unfold(model, samples, recipe.augment)
    return Start(weights, graph_of(model), model.info["recipe"], model.info.get("data", []))


def _used(graph: Tensor, recipe: Any) -> Tensor:
    """The graph that the recipe's network makes of that of its faces."""
    edges, symmetric = (OmegaConf.select(OmegaConf.create(recipe), f"network.{key}") for key in ("edges", "symmetric"))
    return torch.ones_like(graph) if edges == "dense" else graph | graph.T if symmetric else graph
