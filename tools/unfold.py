"""A model file -> a checkpoint that computes the same, to train on from where the run that made the file is gone.

    python tools/unfold.py src/facelattice/models/ibug68.onnx recipes/ibug68.yaml data_root=DATA -o ibug68.pt
    facelattice train recipes/ibug68.yaml start=ibug68.pt ...

In a model file each batch normalisation is part of the layer before or behind it. Here it becomes a layer again, with
the statistics that augmented training faces have there, so that training goes on as it was. For recipes with located
nodes, a graph, and a backbone whose convolutions run in the order in which they are defined, each followed by a
normalisation, as in MobileNet and EfficientNet. The points of both are compared before anything is written. Needs the
extra "train".
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.utils.data import default_collate

from facelattice import get_scheme
from facelattice.data.dataset import FaceCrops
from facelattice.method.model import SDFL
from facelattice.runtime import Model
from facelattice.training import checkpoint
from facelattice.training.export import CHECKED, TOLERANCE, Outputs, compare
from facelattice.training.prepare import load_faces, make_network
from facelattice.training.recipe import load_recipe, to_yaml

BATCHES, BATCH = 12, 32  # of augmented crops that statistics are taken from


def unfold(path: Path, network: SDFL) -> list[nn.Module]:
    """Give a network the weights of a model file; returns its batch normalisations, which have no statistics yet: they
    take nothing away and divide by one."""
    graph = onnx.load(path).graph
    values = {t.name.removesuffix(".half"): numpy_helper.to_array(t).astype(np.float32) for t in graph.initializer}
    given = {name: torch.from_numpy(value.copy()) for name, value in values.items()}
    state = {name: given[f"network.{name}"] for name in network.state_dict() if f"network.{name}" in given}
    norms: list[tuple[str, Tensor, Tensor]] = []  # name, factor and addend

    # Convolutions whose normalisation is part of them have lost their names, and are there in the order they run in.
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

    for name, factor, addend in norms:
        norm = network.get_submodule(name)
        state |= {f"{name}.weight": factor, f"{name}.bias": addend, f"{name}.running_mean": torch.zeros_like(factor)}
        state[f"{name}.running_var"] = torch.ones_like(factor) - norm.eps
    counts = {name: value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")}
    network.load_state_dict(state | counts)
    return [network.get_submodule(name) for name, _, _ in norms]


def _pairs(part: nn.Module, prefix: str) -> list[tuple[str, str]]:
    """The names of each convolution that a normalisation follows, and of that."""
    layers = [(name, layer) for name, layer in part.named_modules() if isinstance(layer, (nn.Conv2d, nn.BatchNorm2d))]
    return [
        (prefix + first, prefix + second)
        for (first, conv), (second, norm) in pairwise(layers)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    ]


@torch.no_grad()
def give_statistics(network: SDFL, norms: list[nn.Module], crops: FaceCrops) -> None:
    """Let normalisations without statistics have those of augmented crops; what the network computes stays."""
    sums = {norm: [0.0, 0.0, 0.0] for norm in norms}

    def add(norm: nn.Module, inputs: tuple[Tensor]) -> None:
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


def checkpoint_of(path: Path, recipe_path: Path, overrides: list[str]) -> dict[str, Any]:
    """The checkpoint of a model file that was made by that recipe, ready to save."""
    recipe = load_recipe(recipe_path, overrides)
    info = Model(path).info
    graph = torch.eye(len(get_scheme(recipe.scheme)), dtype=torch.bool)
    for listener, other, _ in info["graph"]["edges"]:
        graph[listener, other] = True
    network = make_network(graph, recipe, pretrained=False).eval()
    norms = unfold(path, network)
    # Labels that a model made may be gone as well, and are not needed for this.
    faces = load_faces(replace(recipe, data=[source for source in recipe.data if source.validate]))
    give_statistics(network, norms, FaceCrops(faces.training, recipe.size, recipe.margin, recipe.augment))
    plain = FaceCrops(faces.held_out, recipe.size, recipe.margin)
    crops = np.stack([plain[0, 0, i]["crop"].numpy() for i in range(CHECKED)])
    outputs = Outputs(network, faces.scheme.mirror if recipe.mirrored else None, info["error_scale"])
    difference = compare(outputs, path.read_bytes(), crops)
    if not difference <= TOLERANCE:
        raise SystemExit(f"{path}: the network differs from it by {difference:.3g} px; is {recipe_path} its recipe?")
    same = {"scheme": info["scheme"], "graph": graph, "lattice": info["graph"]}
    same |= {name: info[name] for name in ("detectors", "data", "faces")}
    state = {"recipe": to_yaml(recipe), "info": same, "ema": network.state_dict()}
    return state | {"epoch": info["epoch"], "nme": info["held_out_nme"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("overrides", nargs="*", help="of the recipe, such as data_root=DATA")
    parser.add_argument("-o", type=Path, required=True)
    options = parser.parse_args()
    checkpoint.save(checkpoint_of(options.model, options.recipe, options.overrides), options.o)


if __name__ == "__main__":
    main()
