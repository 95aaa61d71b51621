"""Recipe: everything that decides what a training run makes, as dataclasses that a YAML file fills in.

    recipe = load_recipe("recipes/ibug68.yaml", ["epochs=10", "augment.rotation=40"])

Paths in a recipe are relative to where the program is run.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from facelattice.datasets.augmentation import AugmentationConfig
from facelattice.exceptions import RecipeError
from facelattice.modeling.losses import LOSSES

Settings = TypeVar("Settings")


@dataclass
class DataSource:
    """One data set, of any layout that `data.sources` knows.

    scheme: a point scheme's name or YAML file, where it cannot be told by the number of points. repeat: how often its
    faces come in an epoch. validate: False for points that a model made: no face is held out, as nothing should be
    chosen by them, and expected errors are not learned from them. name, terms: what the model file says of it.
    """

    path: str = MISSING
    name: str = MISSING
    terms: str = "not stated"
    subset: str | None = None
    scheme: str | None = None
    repeat: int = 1
    validate: bool = True


@dataclass
class Network:
    """What `method.model.SDFL` is made with, and the graph's k and symmetry (`method.graph.neighbors`)."""

    backbone: str = "mobilenetv2_100"
    pretrained: bool = True
    weights: str | None = None
    embedding: str = "located"
    deepest: int = 32
    closer: bool = False
    separable: bool = False
    head: str = "graph"
    edges: str = "dynamic"
    depth: int = 4
    expansion: int = 4
    pooled: str = "nodes"
    normalization: str = "backbone"
    k: int = 3
    symmetric: bool = False


@dataclass
class Loss:
    """The loss on points and the weights of the parts beside it: relative location, positions before the graph,
    errors."""

    points: str = "soft_wing"
    relative: float = 1.0
    anchors: float = 0.5
    errors: float = 1.0


@dataclass
class OptimizerConfig:
    """name: a timm optimizer. schedule: "cosine" after ``warmup`` epochs, at most half of all, or "step": x
    ``factor`` at each of ``milestones``.

    clip: the largest norm of the gradient. ema: decay of the averaged weights, which are what is validated and
    exported.
    """

    name: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.05
    momentum: float = 0.9
    schedule: str = "cosine"
    warmup: float = 2.0
    milestones: list[int] = field(default_factory=list)
    factor: float = 0.2
    clip: float = 100.0
    ema: float = 0.999


@dataclass
class Recipe:
    """A training run. size, margin: the square crop in pixels, and its side over the face box's. batch: faces a step,
    over all processes. balance: how often a rare pose may come in an epoch. held_out: share of the faces kept for
    validation.
    mirrored: the model file looks at each crop and at its mirror and gives the mean, in twice the time. unsure: faces
    with a score below it are looked at from two more sides when the model file is used; 0 for none.
    precision: "bf16" or "fp32". start: a checkpoint of another run, a model file or a bundled model's name to begin
    with, of any scheme: what of it fits this network is taken, the backbone at least. detector: whose face boxes the
    model file is fitted to, null for none. license: what the model file says of its weights.
    """

    name: str = MISSING
    scheme: str = MISSING
    data: list[DataSource] = MISSING
    data_root: str = "data"
    license: str = "not stated"
    seed: int = 0
    epochs: int = 60
    batch: int = 32
    balance: int = 1
    held_out: float = 0.08
    size: int = 128
    margin: float = 1.3
    mirrored: bool = False
    unsure: float = 0.0
    precision: str = "bf16"
    workers: int = 1
    start: str | None = None
    detector: str | None = "yunet"
    network: Network = field(default_factory=Network)
    loss: Loss = field(default_factory=Loss)
    augment: AugmentationConfig = field(default_factory=AugmentationConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)


CHOICES = {
    "network.embedding": ("located", "flatten"),
    "network.deepest": (16, 32),
    "network.head": ("graph", "linear"),
    "network.edges": ("dynamic", "static", "binary", "dense"),
    "network.pooled": ("nodes", "backbone"),
    "network.normalization": ("backbone", "image"),
    "loss.points": tuple(LOSSES),
    "optimizer.schedule": ("cosine", "step"),
    "precision": ("bf16", "fp32"),
}
CHANCES = ("color", "gray", "dark", "blur", "low_resolution", "noise", "jpeg", "occlusion", "worn", "background")
# What numbers must be, in words and as a test, which NaN fails, and which numbers.
BOUNDS: dict[str, tuple[Callable[[float], bool], tuple[str, ...]]] = {
    "above 0": (lambda value: value > 0, (
        "epochs", "size", "margin", "balance", "network.expansion", "optimizer.lr", "optimizer.clip",
        "optimizer.factor",
    )),
    "0 or more": (lambda value: value >= 0, (
        "seed", "workers", "network.depth", "network.k", "loss.relative", "loss.anchors", "loss.errors",
        "augment.rotation", "augment.scale", "augment.shift", "optimizer.weight_decay", "optimizer.warmup",
    )),
    "2 or more, as faces are normalized by each other": (lambda value: value >= 2, ("batch",)),
    "a share between 0 and 1, such as 0.08": (lambda value: 0 < value < 1, ("held_out",)),
    "a score from 0 to 1, such as 0.8": (lambda value: 0 <= value <= 1, ("unsure",)),
    "a probability from 0 to 1": (lambda value: 0 <= value <= 1, tuple(f"augment.{chance}" for chance in CHANCES)),
    "above 0.15, the smallest side of a patch, and at most 1": (lambda value: 0.15 < value <= 1, ("augment.patch",)),
    "0 or more, and below 1": (lambda value: 0 <= value < 1, ("optimizer.momentum", "optimizer.ema")),
}  # fmt: skip


def load_recipe(path: str | Path, overrides: list[str] | None = None) -> Recipe:
    """The recipe in a YAML file, with ``key=value`` overrides. Raises RecipeError, naming the key."""
    recipe = load_settings(path, Recipe, overrides)
    _check_values(recipe, path)
    return recipe


def load_settings(path: str | Path, kind: type[Settings], overrides: list[str] | None = None) -> Settings:
    """A YAML file as a dataclass of that ``kind``, with ``key=value`` overrides. Raises RecipeError, naming the key."""
    try:
        given = OmegaConf.load(path)
        overriding = OmegaConf.from_dotlist(overrides or [])
        for override in overrides or []:
            if "=" not in override:
                raise RecipeError(f"{override!r} is not key=value, such as epochs=10")
        for config in (given, overriding):
            _check_keys(OmegaConf.to_container(config), kind, "", path)
        settings: Settings = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), given, overriding))  # type: ignore
    except RecipeError:
        raise
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror or error}") from error
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        key = getattr(error, "full_key", None)
        reason = str(getattr(error, "msg", None) or error).splitlines()[0]
        raise RecipeError(f"{path}: {f'{key}: ' if key else ''}{reason}") from error
    except Exception as error:  # the YAML parser's own errors share no base with the above
        raise RecipeError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error
    return settings


def recipe_to_yaml(recipe: Recipe) -> str:
    """The recipe with every value spelled out, as a YAML file that `load_recipe` takes."""
    return OmegaConf.to_yaml(OmegaConf.structured(recipe))


def recipe_from_yaml(text: str) -> Recipe:
    """The recipe that `recipe_to_yaml` wrote."""
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Recipe), OmegaConf.create(text)))  # type: ignore


def _check_keys(given: Any, kind: type, prefix: str, path: str | Path) -> None:
    """RecipeError for a key that ``kind`` has no field for, with the nearest that it has."""
    if not isinstance(given, dict):
        raise RecipeError(f"{path}: {prefix.rstrip('.') or 'the file'} must be keys with values, not {given!r}")
    known = get_type_hints(kind)
    for key, value in given.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.3)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"known: {', '.join(known)}"
            raise RecipeError(f"{path}: unknown key {prefix}{key}; {hint}")
        item = next(iter(get_args(known[key])), None)
        if is_dataclass(known[key]):
            _check_keys(value, known[key], f"{prefix}{key}.", path)
        elif is_dataclass(item):
            if not isinstance(value, list):
                names = ", ".join(f.name for f in fields(item) if f.default is MISSING)
                raise RecipeError(f"{path}: {key} must be a list, each with {names}, not {value!r}")
            for i, entry in enumerate(value):
                _check_keys(entry, item, f"{key}[{i}].", path)  # type: ignore[arg-type]


def _check_values(recipe: Recipe, path: str | Path) -> None:
    def value(key: str) -> Any:
        holder: Any = recipe
        for part in key.split("."):
            holder = getattr(holder, part)
        return holder

    for key, choices in CHOICES.items():
        if value(key) not in choices:
            named = [str(choice) for choice in choices]
            near = difflib.get_close_matches(str(value(key)), named, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise RecipeError(f"{path}: {key} is one of {', '.join(named)}, not {value(key)!r}{hint}")
    for bound, (fits, keys) in BOUNDS.items():
        for key in keys:
            if not fits(value(key)):
                raise RecipeError(f"{path}: {key} must be {bound}, not {value(key)}")
    if not recipe.data:
        raise RecipeError(f"{path}: data names no source to train on")
    for i, source in enumerate(recipe.data):
        if source.repeat < 1:
            raise RecipeError(
                f"{path}: data[{i}].repeat must be 1 or more, not {source.repeat}; or take it out of data"
            )
